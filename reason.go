// Reasons: why a call was refused, as one of a few words.

package trackdrive

// Reason is why a call was refused, as one of a few words that are fit for a metric's
// label. TrackDrive documents no list of such words, so a Reason is read from the
// reply's status word, from its texts and from the HTTP status, and may be a guess. It
// never decides whether a call was accepted.
type Reason string

// The reasons.
const (
	ReasonNone         Reason = ""             // it was not refused, or nobody said why
	ReasonNoBuyer      Reason = "no_buyer"     // no buyer wants the call, or the buyer is gone
	ReasonCapped       Reason = "capped"       // a cap is reached
	ReasonDuplicate    Reason = "duplicate"    // the caller or the lead is known
	ReasonSuppressed   Reason = "suppressed"   // the caller is blocked
	ReasonClosed       Reason = "closed"       // the buyer, the offer or the campaign is closed, paused or out of hours
	ReasonExpired      Reason = "expired"      // the ping id, or the offer, is no longer valid
	ReasonInvalid      Reason = "invalid"      // the request is wrong
	ReasonUnauthorized Reason = "unauthorized" // the credentials are missing, unknown or lack a permission
	ReasonRateLimited  Reason = "rate_limited" // too many requests
	ReasonOther        Reason = "other"        // a refusal in other words
)
