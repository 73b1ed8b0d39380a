// Package fakeserver serves the fake TrackDrive of package trackdrivetest over HTTP,
// for programs in any language: it reads the configuration, tells companies apart by
// host name and by address, sends what TrackDrive would send, and has an admin API
// under /_.
package fakeserver
