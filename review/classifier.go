package review

// lineup is what Detectors hands out.
type lineup struct{}
