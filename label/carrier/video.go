package carrier

// Video is the video track of a film as its container keeps it: what it takes to give the first frames other bytes and to leave all else
// as it is. A frame here is what the container keeps as one: a sample of MP4, a block of Matroska.
type Video struct {
	Codec  string  // h264, hevc, vp9, av1; what else it is, in the container's own words
	Config []byte  // what a decoder is told before the first frame: avcC, hvcC, av1C, vpcC; nil: nothing
	Scale  int64   // ticks of a second
	Start  int64   // tick at which what is shown begins: an edit list may pass over the first frames
	Frames []Frame // in the order of decoding
	Rest   bool    // there are frames behind these, which were not read

	// Replace gives the first frames new bytes, in the order in which they are shown, and the decoder this Config. Times, key frames, other
	// tracks and metadata stay. The new frames must be decoded in the order in which they are shown, and have key frames where
	// the old ones had.
	Replace func(frames [][]byte, config []byte) (*Edit, error)
}

// Frame is one frame of a film.
type Frame struct {
	At, Size int64 // where its bytes are
	Time     int64 // at which it is shown, in ticks
	Key      bool  // decoding can begin here
}

// Head is how many of the first frames must be replaced so that all that is shown in the first ticks is: up to the first
// key frame behind them before which nothing is shown that is decoded after it, and the other way round, and that is clean: nothing from before it is needed
// any more. ok is false where there is none; then it is all of them.
func (v *Video) Head(ticks int64, clean func(Frame) bool) (n int, ok bool) {
	least := make([]int64, len(v.Frames)+1) // the earliest time from a frame on
	if least[len(v.Frames)] = 1<<63 - 1; len(v.Frames) == 0 {
		return 0, false
	}
	for i := len(v.Frames) - 1; i >= 0; i-- {
		least[i] = min(least[i+1], v.Frames[i].Time)
	}
	latest := v.Frames[0].Time
	for i, f := range v.Frames {
		if i > 0 && f.Key && f.Time-v.Start >= ticks && latest < f.Time && least[i] == f.Time && clean(f) {
			return i, true
		}
		latest = max(latest, f.Time)
	}
	return len(v.Frames), false
}
