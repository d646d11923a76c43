package service

import "errors"

var (
	ErrUnknownKey = errors.New("service: unknown key")
	ErrExpiredKey = errors.New("service: expired key")
	ErrRevokedKey = errors.New("service: revoked key")
)
