// Instructions: what to paste into TrackDrive.

package receive

// Instructions returns what to paste into TrackDrive, as text for people: the buyer's
// PING conversion setting whose paths read the replies of [Bids], the fields of the
// forward post that [Forward] reads, and the URLs of subscriptions for [Events].
func Instructions() string { return instructionText }

const instructionText = `PING, on the buyer's record (conversion settings, type "webhook", webhook type "custom")
  webhook_remote_url               https://BUYER.EXAMPLE/bids/SECRET
  webhook_remote_method            POST
  webhook_headers                  Content-Type: application/json
                                   Authorization: Basic BASE64   (in place of SECRET in the URL)
  webhook_body                     {"trackdrive_call_uuid":"[trackdrive_call_uuid]","trackdrive_subdomain":"[trackdrive_subdomain]",
                                    "caller_id":"[caller_id]","traffic_source_id":"[traffic_source_id]"}
                                   and the contact fields on which the bid depends
  webhook_response_success_codes   200
  webhook_body_success_path        accepted
  webhook_body_success_match       true
  webhook_path_revenue             revenue
  webhook_path_number              number
  webhook_path_duration            duration
  webhook_path_name                name
  webhook_path_external_id         bid_id
  cache_result_for_seconds         0, or less than the expires_in of the replies
  The syntax of a path is not documented; these are names at the top of a flat object.

FORWARD POST, an outgoing webhook that fires when the call goes to the buyer
  URL      https://BUYER.EXAMPLE/forward/SECRET
  method   POST
  header   Content-Type: application/json
  body     {"trackdrive_call_uuid":"[trackdrive_call_uuid]","trackdrive_subdomain":"[trackdrive_subdomain]"}
           and any other fields
  It is delivered once the reply is 204.

EVENTS, one subscription for each event (POST /api/v1/subscriptions)
  event        call_ended
  target_url   https://BUYER.EXAMPLE/events/call_ended/SECRET?trackdrive_subdomain=ACME
`
