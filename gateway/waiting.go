package gateway

import (
	"bytes"
	"io"
	"slices"
)

// readAndWatch reads while detectors work: what they free leaves, and what they end is cut off, when they say so and not
// only with the next word of the model.
func (s *streamer) readAndWatch(body io.Reader) error {
	type arrival struct {
		b   []byte
		err error
	}
	arrivals, done, answered := make(chan arrival), make(chan struct{}), make(chan struct{}, 1)
	defer close(done)
	s.wake = func() {
		select {
		case answered <- struct{}{}:
		default: // one is waiting already
		}
	}
	go func() {
		buffer := make([]byte, 16<<10)
		for {
			n, err := body.Read(buffer) // ends with the answer's context
			select {
			case arrivals <- arrival{bytes.Clone(buffer[:n]), err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for !s.over() {
		select {
		case a := <-arrivals:
			if s.read(a.b, a.err); a.err != nil {
				return a.err
			}
		case <-answered:
			s.poll()
			s.send()
		}
	}
	return nil
}

// poll takes in what detectors have said.
func (s *streamer) poll() {
	for _, ch := range slices.Clone(s.choices) {
		for _, x := range slices.Clone(ch.channels) {
			if ch.ended {
				break
			}
			visible, stop := s.step(ch, x, nil, false)
			if len(visible) > 0 {
				s.own(ch, x, visible)
			}
			if stop != nil {
				s.cutOff(ch, stop)
			}
		}
	}
}
