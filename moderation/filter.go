package moderation

type filter struct{}
