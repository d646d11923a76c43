package store

import "github.com/oklog/ulid/v2"

// NewID returns a fresh ULID (26 characters, sortable by time, monotonic within a process).
func NewID() string { return ulid.Make().String() }
