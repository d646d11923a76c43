package film

import (
	"context"
	"testing"
	"time"
)

// BenchmarkMark marks a minute of 720p and encodes all of it anew with the same settings of the encoder; times is how many times as long that takes.
func BenchmarkMark(b *testing.B) {
	need(b, "ffmpeg", "ffprobe")
	path := shoot(b, "minute.mp4", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25", "-f", "lavfi", "-i", "sine=440:r=48000", "-t", "60",
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "28", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac")
	f := load(b, path)
	var head, all time.Duration
	for b.Loop() {
		for always, sum := range map[bool]*time.Duration{false: &head, true: &all} {
			start := time.Now()
			if _, _, err := Mark(context.Background(), f, "mp4", Options{Always: always}); err != nil {
				b.Fatal(err)
			}
			*sum += time.Since(start)
		}
	}
	b.ReportMetric(head.Seconds()/float64(b.N), "s/opening")
	b.ReportMetric(all.Seconds()/float64(b.N), "s/all")
	b.ReportMetric(all.Seconds()/head.Seconds(), "times")
}
