// Package receive has the handlers for what TrackDrive sends: forward posts to a
// buyer, events of subscriptions, and pings that ask a buyer for a bid.
//
//	forwards := receive.Forward(keepCall, receive.Secret(secret), receive.Companies(isKnown))
//	mux.Handle("/forward/", forwards) // POST /forward/SECRET?trackdrive_call_uuid=…&trackdrive_subdomain=…
//
// [Instructions] prints what to paste into TrackDrive.
//
// # At least once
//
// A handler answers 204 only after your function returned nil, and 500 after an error
// or a panic. A sender that did not get the 204 sends again, even if the call was
// kept. So your function may see a call more than once, always with the same uuid; it
// must store the call durably before it returns nil, and take a second copy for done.
//
// # What your functions see
//
// They are called concurrently, one call for each request. Their context has the
// values and the deadline of the request's, but it does not end when the sender
// hangs up: a call that arrived completely is worth keeping. A panic is answered
// with 500, and goes to the server's error log, as its type and stack alone.
//
// # What is refused
//
// A refusal has a status of 4xx and says why in its body, without the value; your
// function is not called. 401: no [Secret], or a wrong one. 403: not one of the
// [Companies]. 405: another method. 408: a body that takes longer than 30 seconds.
// 413: a body over 1 MiB. 415: a compressed or multipart body. 400: a parameter that
// is missing, given twice with different values, malformed, or a token that the sender
// has not filled in, and a body that cannot be read. A complete query wins over a body
// of the last two kinds.
package receive
