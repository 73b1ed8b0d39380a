// Whole items: what every store requires of its callers.

package outbox

import (
	"time"
	"unicode/utf8"
)

// CheckNew refuses an item that is not whole. [Enqueue] makes an item whole; an
// item straight from [NewUpdate], or made by hand, has no state, and would never
// be delivered. The Enqueue of every [Store] calls CheckNew first, and stores
// nothing if it fails.
//
// A whole item has an id and a known operation. Its Subdomain, CallUUID, Key and
// Additive are those that NewUpdate sets, or the function of the item's operation,
// and its Body is one that the Client would send. A webhook's item may be additive
// or not, as its class was. It is Waiting, EnqueuedAt and Due are set, Due is not before
// NotBefore, and JSON can represent all its times. What only a worker sets
// (Attempts, NotFoundSince, SettledAt, LastError, Reasons and Lease) is not set.
// The store assigns the Seq and ignores the item's own.
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field. They
// never show the body.
func CheckNew(item Item) error {
	if item.ID == "" {
		return notWhole("id", "is empty")
	}
	whole, err := item.whole()
	if err != nil {
		return err
	}
	switch {
	case item.Subdomain != whole.Subdomain:
		return notWhole("subdomain", "must be %q", whole.Subdomain)
	case item.CallUUID != whole.CallUUID:
		return notWhole("call uuid", "must be %q", whole.CallUUID)
	case item.Key != whole.Key:
		return notWhole("key", "must be %q", whole.Key)
	case item.Additive != whole.Additive:
		return notWhole("additive", "must be %t for this body", whole.Additive)
	case !utf8.Valid(item.Body):
		return notWhole("body", "is not valid UTF-8")
	case item.State != Waiting:
		return notWhole("state", "is %q but must be %q", item.State, Waiting)
	}
	if err := checkNewTimes(&item); err != nil {
		return err
	}
	return checkUntouched(&item)
}

// whole returns the item as the function of its operation makes it.
func (i *Item) whole() (Item, error) {
	request, err := i.request()
	if err != nil {
		return Item{}, err
	}
	whole, err := request.newItem(i.ID)
	if i.Operation == OpWebhook { // it is fixed when it is enqueued
		whole.Additive = i.Additive
	}
	return whole, err
}

func checkNewTimes(i *Item) error {
	switch {
	case i.EnqueuedAt.IsZero():
		return notWhole("enqueued at", "is not set")
	case i.Due.IsZero():
		return notWhole("due", "is not set")
	case i.Due.Before(i.NotBefore):
		return notWhole("due", "is before the not-before time")
	}
	return checkTimes(i)
}

// checkUntouched refuses fields that only a worker sets.
func checkUntouched(i *Item) error {
	for _, field := range []struct {
		name  string
		isSet bool
	}{
		{"attempts", i.Attempts != 0},
		{"not found since", !i.NotFoundSince.IsZero()},
		{"settled at", !i.SettledAt.IsZero()},
		{"last error", i.LastError != ""},
		{"reasons", len(i.Reasons) > 0},
		{"lease", i.Lease != Lease{}},
	} {
		if field.isSet {
			return notWhole(field.name, "must not be set before the item is stored")
		}
	}
	return nil
}

// checkTimes refuses times that JSON cannot represent.
func checkTimes(i *Item) error {
	for _, field := range []struct {
		name string
		at   time.Time
	}{
		{"not before", i.NotBefore}, {"enqueued at", i.EnqueuedAt}, {"due", i.Due}, {"not found since", i.NotFoundSince},
		{"settled at", i.SettledAt}, {"lease", i.Lease.Until},
	} {
		if _, err := field.at.MarshalText(); err != nil {
			return invalidArgument(field.name, "is not a time that JSON can represent; give a year from 0 to 9999")
		}
	}
	return nil
}

// CheckChange refuses a change that an item must not undergo. The Update of
// every [Store] calls it with the item before and after the change, and stores
// nothing if it fails. The item's identity (ID, Operation, Subdomain, CallUUID,
// Key, Additive, EnqueuedAt and Seq) does not change, its State is one of the six,
// its Attempts are not negative, and JSON can represent its times. Its Body
// should not change either; if it does, it must be one of the item's operation, Key
// and Additive.
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field. They
// never show the body.
func CheckChange(before, after Item) error {
	for _, field := range []struct {
		name      string
		isChanged bool
	}{
		{"id", before.ID != after.ID},
		{"operation", before.Operation != after.Operation},
		{"subdomain", before.Subdomain != after.Subdomain},
		{"call uuid", before.CallUUID != after.CallUUID},
		{"key", before.Key != after.Key},
		{"additive", before.Additive != after.Additive},
		{"enqueued at", !before.EnqueuedAt.Equal(after.EnqueuedAt)},
		{"seq", before.Seq != after.Seq},
	} {
		if field.isChanged {
			return invalidArgument(field.name, "cannot be changed after the item is stored")
		}
	}
	switch {
	case !after.State.isKnown():
		return invalidArgument("state", "%q is not a state; give one of the six, such as %q", after.State, Waiting)
	case after.Attempts < 0:
		return invalidArgument("attempts", "is negative")
	}
	if err := checkChangedBody(&before, &after); err != nil {
		return err
	}
	return checkTimes(&after)
}

// checkChangedBody keeps an item that is treated as absolute from becoming
// additive, so that nothing is added twice.
func checkChangedBody(before, after *Item) error {
	if string(before.Body) == string(after.Body) {
		return nil
	}
	whole, err := after.changed()
	switch {
	case err != nil:
		return err
	case whole.Key != after.Key:
		return invalidArgument("body", "cannot be that of another caller or another webhook after the item is stored")
	case whole.Additive != after.Additive:
		return invalidArgument("body", "cannot become additive, or cease to be, after the item is stored")
	case !utf8.Valid(after.Body):
		return invalidArgument("body", "is not valid UTF-8")
	}
	return nil
}

// changed returns the Key and Additive that go with the body. A postback may have
// been stored by today's rules or by earlier ones.
func (i *Item) changed() (Item, error) {
	if i.Operation != OpUpdateCall {
		return i.whole()
	}
	u, err := decodeUpdate(i.Body)
	if err != nil {
		return Item{}, err
	}
	return Item{Key: i.Key, Additive: isAdditive(u)}, nil
}

func notWhole(field, format string, args ...any) error {
	return invalidArgument(field, format+"; outbox.Enqueue makes an item whole", args...)
}
