// The codes with which call platforms say why they refuse a ping.

package trackdrive

// ringbaReasons are the codes at the end of a rejectReason: "Final capacity check
// (Code: 1006)". 1004, a caller that is blocked or already paid for, is left to the
// words beside it.
var ringbaReasons = map[string]Reason{
	"1001": ReasonClosed,      // the campaign or the publisher is off
	"1002": ReasonInvalid,     // a tag is missing or does not fit
	"1003": ReasonNoBuyer,     // the target is off, full, closed or filtered
	"1005": ReasonInvalid,     // as 1002
	"1006": ReasonNoBuyer,     // the target's filters, although it is called a capacity check
	"1007": ReasonCapped,      // the publisher's cap, or its payout's
	"1024": ReasonRateLimited, // of the campaign
	"1025": ReasonRateLimited,
	"1026": ReasonRateLimited, // of Ringba's pool
	"1100": ReasonInvalid,     // the caller id is required
}

// callGridReasons are the codes of a refusal.
var callGridReasons = map[string]Reason{
	"4001": ReasonClosed,    // disabled
	"4002": ReasonClosed,    // paused
	"4003": ReasonInvalid,   // the caller id
	"4004": ReasonCapped,    // capacity, or a tag's rule
	"4005": ReasonDuplicate, // the caller is already paid for
	"4006": ReasonNoBuyer,   // no numbers
	"4008": ReasonDuplicate, // the same request twice
	"4009": ReasonInvalid,   // a tag's rule
}
