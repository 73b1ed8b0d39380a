package main

import (
	"encoding/base64"
	"net/http"

	"github.com/valyala/fasthttp"
)

// pingWithFasthttp has no transport of ours: fasthttp writes and reads in the
// goroutine of the caller, and pools its requests and responses.
func pingWithFasthttp(url string) leadPinger {
	client := &fasthttp.Client{MaxConnsPerHost: 1024}
	credentials := "Basic " + base64.StdEncoding.EncodeToString([]byte(publicKey+":"+privateKey))
	address := pingTarget{url: url}.address()
	lead := sampleLead()
	return leadPinger{peerFasthttp, func() (int, error) {
		body, err := sonicCodec.marshal(handParameters(lead))
		if err != nil {
			return 0, err
		}
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(resp)
		req.SetRequestURI(address)
		req.Header.SetMethod(http.MethodPost)
		req.Header.SetContentType("application/json")
		req.Header.Set("Authorization", credentials)
		req.SetBodyRaw(body)
		if err := client.DoTimeout(req, resp, pingTimeout); err != nil {
			return 0, err
		}
		return sonicCodec.decode(resp.StatusCode(), resp.Body())
	}}
}
