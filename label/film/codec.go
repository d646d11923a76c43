package film

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hegui/hegui/label/carrier"
)

// encoder are the arguments that encode pictures with the codec of the old ones, each decoded in the order in which it is shown. spare is a number for
// parameter sets that the old ones do not use.
func encoder(t track, spare int) ([]string, error) {
	common := []string{"-bf", "0", "-g", "100000", "-forced-idr", "1"}
	switch t.Codec {
	case "h264":
		profile := map[string]string{"Constrained Baseline": "baseline", "Baseline": "baseline", "Main": "main", "High": "high", "High 10": "high10", "High 4:2:2": "high422", "High 4:4:4 Predictive": "high444"}[t.Profile]
		if profile == "" {
			return nil, unsupported("H.264 of profile %q", t.Profile)
		}
		args := append(common, "-c:v", "libx264", "-preset", "fast", "-crf", "18", "-profile:v", profile, "-sc_threshold", "0", "-x264-params", fmt.Sprintf("sps-id=%d:open-gop=0:scenecut=0", spare))
		if t.Level > 9 {
			args = append(args, "-level:v", fmt.Sprintf("%d.%d", t.Level/10, t.Level%10))
		}
		return args, nil
	case "hevc":
		profile := map[string]string{"Main": "main", "Main 10": "main10", "Rext": ""}[t.Profile]
		args := append(common, "-c:v", "libx265", "-preset", "fast", "-crf", "20", "-x265-params", "log-level=error:open-gop=0:scenecut=0:info=0:repeat-headers=0:hrd=0:aud=0")
		if profile != "" {
			args = append(args, "-profile:v", profile)
		}
		return args, nil
	case "vp9":
		return []string{"-g", "100000", "-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "1", "-auto-alt-ref", "0", "-lag-in-frames", "0"}, nil
	case "av1":
		return []string{"-g", "9999", "-c:v", "libaom-av1", "-crf", "24", "-b:v", "0", "-usage", "realtime", "-cpu-used", "6", "-row-mt", "1", "-lag-in-frames", "0"}, nil // its other modes make a key frame behind each that is asked for
	}
	return nil, unsupported("film in %s; H.264, HEVC, VP9 and AV1 are marked", strings.ToUpper(t.Codec))
}

func unsupported(rule string, args ...any) error {
	return &carrier.Error{Format: "film", Kind: carrier.Unsupported, Offset: -1, Rule: fmt.Sprintf(rule, args...)}
}

// pixels are the kinds of pictures on which the mark is laid without a change to all others.
func pixels() []string {
	return []string{"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv420p10le", "yuv422p10le", "gbrp"}
}

// colours are the arguments that tell the encoder what the old pictures said of their colours.
func (t track) colours() (args []string) {
	for _, x := range [][2]string{{"-color_range", t.Range}, {"-colorspace", t.Space}, {"-color_trc", t.Transfer}, {"-color_primaries", t.Primaries}, {"-chroma_sample_location", t.Chroma}} {
		if x[1] != "" && x[1] != "unknown" && x[1] != "unspecified" && x[1] != "reserved" {
			args = append(args, x[0], x[1])
		}
	}
	return args
}

// keys are the times at which the encoder makes key frames, those of the old ones, at so many frames a second.
func keys(frames []carrier.Frame, rate float64) string {
	var out []string
	for i, f := range frames {
		if f.Key || i == 0 {
			out = append(out, strconv.FormatFloat(max(0, (float64(i)-0.5)/rate), 'f', 6, 64))
		}
	}
	return strings.Join(out, ",")
}

// spread is how many frames a second there are.
func spread(v *carrier.Video, n int) float64 {
	first, last := v.Frames[0].Time, v.Frames[0].Time
	for _, f := range v.Frames[:n] {
		first, last = min(first, f.Time), max(last, f.Time)
	}
	if n < 2 || last == first {
		return 25
	}
	return min(max(float64(n-1)*float64(v.Scale)/float64(last-first), 1), 240)
}

// sameKeys tells whether the new frames have key frames where the old ones had.
func sameKeys(old, now []carrier.Frame) bool {
	return slices.EqualFunc(old, now, func(a, b carrier.Frame) bool { return a.Key == b.Key })
}
