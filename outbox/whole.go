// Whole items: what every store holds its callers to.

package outbox

import (
	"time"
	"unicode/utf8"
)

// CheckNew refuses an item that is not whole. [Enqueue] makes an item whole;
// one straight from [NewUpdate], or made by hand, has no state, and nobody would
// ever deliver it. The Enqueue of every [Store] calls CheckNew before it looks
// into itself, and stores nothing when it fails.
//
// A whole item has an id and an operation that is known. Its Subdomain, CallUUID,
// Key and Additive are those that NewUpdate gives it, and its Body is one that
// the Client would send. It is Waiting, EnqueuedAt and Due are set, Due is not
// before NotBefore, and JSON can hold every time. What only a worker finds out
// (Attempts, NotFoundSince, SettledAt, LastError, Reasons and Lease) is not set.
// The store gives the Seq, whatever the item's is.
//
// Errors are of kind [trackdrive.ErrInvalidArgument] and name the field. They
// never show the body.
func CheckNew(item Item) error {
	if item.ID == "" {
		return notWhole("id", "is empty")
	}
	call, u, err := item.Update()
	if err != nil {
		return err
	}
	whole, err := NewUpdate(item.ID, call, u)
	if err != nil {
		return err
	}
	switch {
	case item.Subdomain != whole.Subdomain:
		return notWhole("subdomain", "must be %q", whole.Subdomain)
	case item.Key != whole.Key:
		return notWhole("key", "must be %q", whole.Key)
	case item.Additive != whole.Additive:
		return notWhole("additive", "must be %t for this body", whole.Additive)
	case !utf8.Valid(item.Body):
		return notWhole("body", "is not valid UTF-8")
	case item.State != Waiting:
		return notWhole("state", "is %q, and must be %q", item.State, Waiting)
	}
	if err := checkNewTimes(&item); err != nil {
		return err
	}
	return checkUntouched(&item)
}

func checkNewTimes(i *Item) error {
	switch {
	case i.EnqueuedAt.IsZero():
		return notWhole("enqueued at", "is not set")
	case i.Due.IsZero():
		return notWhole("due", "is not set")
	case i.Due.Before(i.NotBefore):
		return notWhole("due", "is before not before")
	}
	return checkTimes(i)
}

// checkUntouched refuses what only a worker can know.
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

// checkTimes refuses times that JSON cannot hold.
func checkTimes(i *Item) error {
	for _, field := range []struct {
		name string
		at   time.Time
	}{
		{"not before", i.NotBefore}, {"enqueued at", i.EnqueuedAt}, {"due", i.Due}, {"not found since", i.NotFoundSince},
		{"settled at", i.SettledAt}, {"lease", i.Lease.Until},
	} {
		if _, err := field.at.MarshalText(); err != nil {
			return invalidArgument(field.name, "is not a time that the JSON of an item can hold")
		}
	}
	return nil
}

// CheckChange refuses a change that an item must not undergo. The Update of
// every [Store] calls it with the item before and after, and stores nothing when
// it fails: the item keeps what it is (ID, Operation, Subdomain, CallUUID, Key,
// Additive, EnqueuedAt and Seq), its State is one of the six, its Attempts are
// not negative, and JSON can hold its times. Its Body is not to be changed
// either: where it was, it must be a JSON object that is as additive as the item.
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
			return invalidArgument(field.name, "of an item that is stored cannot be changed")
		}
	}
	switch {
	case !after.State.isKnown():
		return invalidArgument("state", "%q is not a state of an item", after.State)
	case after.Attempts < 0:
		return invalidArgument("attempts", "is negative")
	}
	if err := checkChangedBody(&before, &after); err != nil {
		return err
	}
	return checkTimes(&after)
}

// checkChangedBody keeps an item from adding twice what it is taken to say once.
func checkChangedBody(before, after *Item) error {
	if string(before.Body) == string(after.Body) {
		return nil
	}
	u, err := decodeUpdate(after.Body)
	switch {
	case err != nil:
		return err
	case isAdditive(u) != after.Additive:
		return invalidArgument("body", "of an item that is stored cannot become additive, or cease to be")
	case !utf8.Valid(after.Body):
		return invalidArgument("body", "is not valid UTF-8")
	}
	return nil
}

func notWhole(field, format string, args ...any) error {
	return invalidArgument(field, format+"; outbox.Enqueue makes an item whole", args...)
}
