package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-querystring/query"

	"github.com/trackdrive-go/trackdrive"
)

// A queryLead is what a program writes by hand for go-querystring: the 24
// parameters of queryRequest.
type queryLead struct {
	CallerID        string `url:"caller_id"`
	TrafficSourceID string `url:"traffic_source_id"`
	Field0          string `url:"contact_field_0"`
	Field1          string `url:"contact_field_1"`
	Field2          string `url:"contact_field_2"`
	Field3          string `url:"contact_field_3"`
	Field4          string `url:"contact_field_4"`
	Field5          string `url:"contact_field_5"`
	Field6          string `url:"contact_field_6"`
	Field7          string `url:"contact_field_7"`
	Field8          string `url:"contact_field_8"`
	Field9          string `url:"contact_field_9"`
	Field10         string `url:"contact_field_10"`
	Field11         string `url:"contact_field_11"`
	Field12         string `url:"contact_field_12"`
	Field13         string `url:"contact_field_13"`
	Field14         string `url:"contact_field_14"`
	Field15         string `url:"contact_field_15"`
	Field16         string `url:"contact_field_16"`
	Field17         string `url:"contact_field_17"`
	Field18         string `url:"contact_field_18"`
	Field19         string `url:"contact_field_19"`
	Field20         string `url:"contact_field_20"`
	Field21         string `url:"contact_field_21"`
}

func newQueryLead(r *trackdrive.PingRequest) *queryLead {
	text := func(i int) string { return r.Fields[fmt.Sprintf("contact_field_%d", i)].(string) }
	return &queryLead{
		r.CallerID, r.TrafficSourceID,
		text(0), text(1), text(2), text(3), text(4), text(5), text(6), text(7), text(8), text(9), text(10),
		text(11), text(12), text(13), text(14), text(15), text(16), text(17), text(18), text(19), text(20), text(21),
	}
}

// queryRequest has no TrackDrive number: a ping that has both numbers may sell
// the lead, and is not what a program sends by GET.
func queryRequest() *trackdrive.PingRequest {
	r := sampleLead()
	r.TrackdriveNumber = ""
	r.Fields["contact_field_21"] = "value of the field"
	return r
}

func queryWithLibrary(t pingTarget) leadPinger {
	client := libraryClient(t)
	lead := queryRequest()
	return leadPinger{"trackdrive", func() (int, error) {
		p, err := client.Ping(context.Background(), "sell", lead, trackdrive.WithEncoding(trackdrive.EncodeQuery))
		if err != nil {
			return 0, err
		}
		return len(p.Buyers), nil
	}}
}

func queryByHand(t pingTarget) leadPinger {
	client := &http.Client{Transport: t.transport}
	lead := newQueryLead(queryRequest())
	return leadPinger{peerQuerystring, func() (int, error) {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		defer cancel()
		values, err := query.Values(lead)
		if err != nil {
			return 0, err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.address()+"?"+values.Encode(), http.NoBody)
		if err != nil {
			return 0, err
		}
		req.SetBasicAuth(publicKey, privateKey)
		resp, err := client.Do(req)
		if err != nil {
			return 0, err
		}
		return stdlibCodec.read(resp)
	}}
}

func comparePingsByGET(b *benchRun) {
	for _, buyers := range []int{2, 20, 200} {
		at := instantReply(pingReply(buyers))
		b.contest(fmt.Sprintf("Ping by GET, instant, %d buyers", buyers), []contestEntry{
			queryWithLibrary(at).entry(buyers), queryByHand(at).entry(buyers),
		})
	}
}
