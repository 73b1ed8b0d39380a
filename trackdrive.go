// Package trackdrive is a client for TrackDrive's call marketplace: ping/post and
// real-time bidding, lead capture, and call updates (postbacks).
package trackdrive
