package boltstore

import (
	"context"

	bolt "go.etcd.io/bbolt"
)

// FileStats returns what bbolt has counted since the file was opened.
func (s *Store) FileStats() *bolt.Stats {
	var stats bolt.Stats
	err := s.file.View(context.Background(), func(tx *bolt.Tx) error {
		stats = tx.DB().Stats()
		return nil
	})
	if err != nil {
		panic(err)
	}
	return &stats
}
