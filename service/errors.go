package service

import (
	"errors"
	"fmt"
)

// Why a key does not open the gateway.
var (
	ErrUnknownKey = errors.New("service: unknown key")
	ErrExpiredKey = errors.New("service: expired key")
	ErrRevokedKey = errors.New("service: revoked key")
)

// ErrUnknownText says that no version of a text has the id asked for.
var ErrUnknownText = errors.New("service: unknown text")

// InvalidError is one thing wrong in a declaration or a key: where, which value, and how to mend it.
type InvalidError struct {
	Where string // e.g. service "demo", model "m1", provider
	Field string // path below Where, as in the configuration file
	Value string
	Mend  string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s: %s %q: %s", e.Where, e.Field, e.Value, e.Mend)
}

// Invalid is everything wrong in one declaration; nothing of it was put in force.
type Invalid []*InvalidError

func (e Invalid) Error() string {
	s := "service: declaration refused: " + e[0].Error()
	for _, x := range e[1:] {
		s += "\n  " + x.Error()
	}
	return s
}
