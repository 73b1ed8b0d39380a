// The members of replies: every name that is read, and the objects that have it.

package trackdrive

// replyMember is a member of a reply that is read.
type replyMember uint8

// A new name needs a line here, one in memberTable, and a use where its object is
// read: in readPing, readPost, readLead or readBuyer. A new name for a bid is
// read if it is among the others.
const (
	mSuccess replyMember = iota + 1
	mStatus
	mErrors
	mError
	mMessage
	mTryAllBuyersPingID
	mTryAllBuyers
	mBuyers
	mForwardingNumber
	mForwardingNumberStatus
	mForwardingNumberSIPAddress
	mTrackdriveNumber
	mBuyerName
	mLeadID
	mLead
	mID
	mUUID
	mTrackdriveNumberPlain
	mSMSNumberPlain
	mPingIDsExpiryInSeconds
	mPingID
	mBuyerID
	mName

	// The names of a bid, the first that counts first.
	mBidPrice
	mBid
	mOfferConversionPayout
	mPayout

	mOfferID
	mTier
	mDestinationNumber
	mTrafficSourceID
	mCurrentConversionDuration
	mDuration
	mConcurrencyCapLimit
	mConcurrencyCapAvailable
	mTrackdriveSubdomain
	mTrackdriveCallUUID
	endOfMembers

	firstBid  = mBidPrice
	endOfBids = mOfferID // the member after the names of a bid
)

// objectSet says in which objects of replies a member is read, a bit for each.
type objectSet uint16

const (
	inRefusal     objectSet = 1 << iota // a reply of any endpoint that says no
	inPing                              // the reply to a ping
	inTryAll                            // try_all_buyers
	inBuyer                             // an element of buyers
	inPost                              // the reply to a post or a full
	inPlainNo                           // the reply to a ping that may have sold
	isTrace                             // in that reply: the member is left only by a sale or a bid
	inLead                              // the reply about a lead
	inLeadRecord                        // the object lead in that reply
	inForwardPost                       // what TrackDrive sends to a buyer
)

var memberTable = [endOfMembers]struct {
	name    string
	objects objectSet
}{
	mSuccess:                    {"success", inRefusal | inPing | inPost | inPlainNo | inLead},
	mStatus:                     {"status", inRefusal | inPing | inPost | inPlainNo | inLead | inLeadRecord},
	mErrors:                     {"errors", inRefusal | inPing | inPost | inPlainNo | inLead},
	mError:                      {"error", inRefusal | inPing | inPost | inPlainNo | inLead},
	mMessage:                    {"message", inRefusal | inPing | inPost | inLead},
	mTryAllBuyersPingID:         {"try_all_buyers_ping_id", inPing | inPlainNo | isTrace},
	mTryAllBuyers:               {"try_all_buyers", inPing | inPost | inPlainNo},
	mBuyers:                     {"buyers", inPing | inTryAll | inPost | inPlainNo},
	mForwardingNumber:           {"forwarding_number", inPing | inBuyer | inPost | inPlainNo | isTrace},
	mForwardingNumberStatus:     {"forwarding_number_status", inPost},
	mForwardingNumberSIPAddress: {"forwarding_number_sip_address", inPost | inPlainNo | isTrace},
	mTrackdriveNumber:           {"trackdrive_number", inPing | inPost | inPlainNo | isTrace},
	mBuyerName:                  {"buyer_name", inPost | inPlainNo | isTrace},
	mLeadID:                     {"lead_id", inPing | inPost | inPlainNo | isTrace | inLead | inLeadRecord},
	mLead:                       {"lead", inPlainNo | isTrace | inLead},
	mID:                         {"id", inBuyer | inLead | inLeadRecord},
	mUUID:                       {"uuid", inLead | inLeadRecord},
	mTrackdriveNumberPlain:      {"trackdrive_number_plain", inLead | inLeadRecord},
	mSMSNumberPlain:             {"sms_number_plain", inLead | inLeadRecord},
	mPingIDsExpiryInSeconds:     {"ping_ids_expiry_in_seconds", inPing},
	mPingID:                     {"ping_id", inTryAll | inBuyer | inPlainNo | isTrace},
	mBuyerID:                    {"buyer_id", inBuyer | inPlainNo | isTrace},
	mName:                       {"name", inBuyer},
	mBidPrice:                   {"bid_price", inBuyer},
	mBid:                        {"bid", inBuyer},
	mOfferConversionPayout:      {"offer_conversion_payout", inBuyer},
	mPayout:                     {"payout", inBuyer},
	mOfferID:                    {"offer_id", inBuyer},
	mTier:                       {"tier", inBuyer},
	mDestinationNumber:          {"destination_number", inBuyer},
	mTrafficSourceID:            {"traffic_source_id", inBuyer},
	mCurrentConversionDuration:  {"current_conversion_duration", inBuyer},
	mDuration:                   {"duration", inBuyer},
	mConcurrencyCapLimit:        {"concurrency_cap_limit", inBuyer},
	mConcurrencyCapAvailable:    {"concurrency_cap_available", inBuyer},
	mTrackdriveSubdomain:        {paramSubdomain, inForwardPost},
	mTrackdriveCallUUID:         {paramCallUUID, inForwardPost},
}

// The parameters of a forward post that name the call.
const (
	paramSubdomain = "trackdrive_subdomain"
	paramCallUUID  = "trackdrive_call_uuid"
)

// name returns the member's wire name.
func (m replyMember) name() string { return memberTable[m].name }

// isIn reports whether the member is read in any of the objects.
func (m replyMember) isIn(objects objectSet) bool { return memberTable[m].objects&objects != 0 }

// memberSlots is a hash table of memberTable by name, because names are looked up
// for every member of every reply. Where two names have one slot, one of them
// takes the next.
var memberSlots = fillMemberSlots()

type memberSlot struct {
	name    string
	member  replyMember // 0 in an empty slot
	objects objectSet
}

func fillMemberSlots() (slots [256]memberSlot) {
	for m := replyMember(1); m < endOfMembers; m++ {
		row := &memberTable[m]
		at := slotOfName([]byte(row.name))
		for slots[at].member != 0 {
			at++
		}
		slots[at] = memberSlot{row.name, m, row.objects}
	}
	return slots
}

// slotOfName is where the search for a name begins.
func slotOfName(name []byte) uint8 {
	n := len(name)
	if n == 0 {
		return 0
	}
	return uint8(n)*37 + name[0]*5 + name[n-1] + name[n/2]*11
}

// memberNamed returns the member of a name, and whether it is read in any of the
// objects.
func memberNamed(name []byte, objects objectSet) (m replyMember, isRead bool) {
	for at := slotOfName(name); ; at++ {
		slot := &memberSlots[at]
		if slot.member == 0 || string(name) == slot.name {
			return slot.member, slot.objects&objects != 0
		}
	}
}
