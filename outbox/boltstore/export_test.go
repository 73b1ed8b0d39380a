package boltstore

import bolt "go.etcd.io/bbolt"

// FileStats returns what bbolt has counted since the file was opened.
func (s *Store) FileStats() *bolt.Stats {
	stats := s.file.db.Stats()
	return &stats
}
