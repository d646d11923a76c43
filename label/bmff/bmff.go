package bmff

import (
	"encoding/binary"
	"slices"

	"github.com/hegui/hegui/label/carrier"
)

const (
	videoGuide = "TC260-PG-20257A"
	audioGuide = "TC260-PG-202510A"
	imageGuide = "TC260-PG-20259A"
	moviePlace = "moov.udta.meta, key AIGC"
	stillPlace = "XMP item, property TC260:AIGC"
)

// Formats are the kinds of files of this package.
func Formats() []carrier.Format {
	movie := func(name, title, medium, guide string, mime, extensions []string, is func(brands) bool) carrier.Format {
		return carrier.Format{Name: name, Title: title, MIME: mime, Extensions: extensions, Medium: medium, Place: moviePlace, Guide: guide,
			Is: func(f *carrier.File) bool { return is(brandsOf(f)) }, Sites: sitesOf(name, false), Put: putOf(name, false)}
	}
	still := func(name, title string, mime, extensions []string, is func(brands) bool) carrier.Format {
		return carrier.Format{Name: name, Title: title, MIME: mime, Extensions: extensions, Medium: "image", Place: stillPlace, Guide: imageGuide,
			Is: func(f *carrier.File) bool { return is(brandsOf(f)) }, Sites: sitesOf(name, true), Put: putOf(name, true)}
	}
	return []carrier.Format{
		still("avif", "AVIF image", []string{"image/avif"}, []string{"avif"}, func(b brands) bool { return b.still() && (b.has("avif") || b.has("avis")) }),
		still("heic", "HEIF image", []string{"image/heic", "image/heif"}, []string{"heic", "heif", "hif"}, func(b brands) bool { return b.still() }),
		movie("m4a", "MPEG-4 audio", "audio", audioGuide, []string{"audio/mp4", "audio/x-m4a"}, []string{"m4a", "m4b"}, func(b brands) bool { return b.major("M4A ", "M4B ") }),
		movie("mov", "QuickTime movie", "video", videoGuide, []string{"video/quicktime"}, []string{"mov", "qt"}, func(b brands) bool { return b.major("qt  ") || b.bare }),
		movie("mp4", "MPEG-4 video", "video", videoGuide, []string{"video/mp4"}, []string{"mp4", "m4v", "f4v", "3gp"}, func(b brands) bool { return len(b.list) > 0 && !b.still() }),
	}
}

// brands are what a file says it is; the first is the major one. bare is a QuickTime file from before there were any.
type brands struct {
	list []string
	bare bool
}

func (b brands) has(name string) bool { return slices.Contains(b.list, name) }

func (b brands) major(names ...string) bool {
	return len(b.list) > 0 && slices.Contains(names, b.list[0])
}

func (b brands) still() bool {
	return b.major("mif1", "msf1", "mif2", "heic", "heix", "heim", "heis", "hevc", "hevx", "avif", "avis", "miaf", "MiHE", "MiHB")
}

func brandsOf(f *carrier.File) (b brands) {
	h := f.Head()
	if len(h) < 16 {
		return b
	}
	switch string(h[4:8]) {
	case "ftyp":
		size := min(int(binary.BigEndian.Uint32(h)), len(h))
		for at := 8; at+4 <= size; at += 4 {
			if at != 12 { // the minor version
				b.list = append(b.list, string(h[at:at+4]))
			}
		}
	case "moov", "mdat", "wide", "pnot":
		b.bare = true
	case "free", "skip":
		if size := int(binary.BigEndian.Uint32(h)); size >= 8 && size+8 <= len(h) {
			next := string(h[size+4 : size+8])
			b.bare = next == "moov" || next == "mdat" || next == "wide"
		}
	}
	return b
}
