// The service: the forward post in, the conversion back.

package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/trackdrive-go/trackdrive"
	"github.com/trackdrive-go/trackdrive/receive"
)

// service is the buyer's side of a call.
type service struct {
	client *trackdrive.Client
	dir    string // has a file for each call
	key    string // of those who send calls, and report conversions
	log    *log.Logger
}

func (s *service) handlers(knows func(subdomain string) bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/forward/", receive.Forward(s.keep, receive.Secret(s.key), receive.Companies(knows)))
	mux.HandleFunc("POST /converted", s.converted)
	return mux
}

// keep is done when the call is on the disk. A uuid has no characters that would leave
// the directory.
func (s *service) keep(_ context.Context, f receive.Forwarded) error {
	err := s.write(f.Call)
	if errors.Is(err, fs.ErrExist) {
		known, broken := s.find(f.Call.UUID)
		if err = broken; err == nil && known != f.Call {
			err = fmt.Errorf("%s has a call with this uuid", known.Subdomain)
		}
	}
	s.log.Printf("call %s of %s is kept: %v", f.Call.UUID, f.Call.Subdomain, err == nil)
	return err
}

// write writes a call's file as a whole, unless there is one.
func (s *service) write(call trackdrive.CallRef) error {
	data, err := json.Marshal(call)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(s.dir, "new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Link(file.Name(), s.file(call.UUID)); err != nil {
		return err
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (s *service) file(uuid string) string { return filepath.Join(s.dir, "call-"+uuid+".json") }

func (s *service) find(uuid string) (call trackdrive.CallRef, err error) {
	if _, err := trackdrive.NewCallRef("any", uuid); err != nil {
		return call, err
	}
	data, err := os.ReadFile(s.file(uuid))
	if err == nil {
		err = json.Unmarshal(data, &call)
	}
	return call, err
}

// converted takes the buyer's own notice of a sale: call=UUID&revenue=25.50. It answers
// 200 when TrackDrive has the conversion; after 502, report it again: the values are
// absolute, so a second copy changes nothing. The service in examples/buyer does that
// by itself.
func (s *service) converted(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+s.key)) != 1 {
		http.Error(w, "wrong key", http.StatusUnauthorized)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	call, err := s.find(r.PostFormValue("call"))
	if err != nil {
		http.Error(w, "no such call", http.StatusNotFound)
		return
	}
	revenue, err := trackdrive.ParseAmount(r.PostFormValue("revenue"))
	if err != nil {
		http.Error(w, fmt.Sprintf("revenue: %v", err), http.StatusBadRequest)
		return
	}
	_, err = s.client.UpdateCallAt(r.Context(), call, &trackdrive.UpdateCall{BuyerConverted: new(true), OfferConverted: new(true), Revenue: revenue})
	if err != nil {
		s.log.Printf("call %s: %s has no conversion: %v", call.UUID, call.Subdomain, err)
		http.Error(w, "not posted back; report it again", http.StatusBadGateway)
		return
	}
	s.log.Printf("call %s: %s has the conversion, revenue %s", call.UUID, call.Subdomain, revenue)
}
