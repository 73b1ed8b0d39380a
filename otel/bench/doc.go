// Package bench measures what package tdotel costs, beside a transport of otelhttp:
//
//	go test -run '^$' -bench . -benchmem .
//
// It is a module of its own, so that who takes tdotel does not take otelhttp.
package bench
