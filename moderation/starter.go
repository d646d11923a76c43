package moderation

func StarterEntries() []Entry {
	return nil
}
