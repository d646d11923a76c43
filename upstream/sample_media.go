package upstream

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// What the sample model makes of words: colours and tones drawn from their hash. It shows that files go their way, nothing else.
const (
	sampleSide    = 512 // pixels
	sampleMost    = 1024
	sampleImages  = 4
	sampleRate    = 16000
	sampleSeconds = 20
)

func hashSeed(s string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, s) // never fails
	return h.Sum64()
}

// images answers /images/generations with PNG pictures.
func (s Sample) images(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Prompt, Size string
		N            int
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxSampleBody)).Decode(&q); err != nil || q.Prompt == "" {
		refuse(w, http.StatusBadRequest, "prompt", "give a prompt")
		return
	}
	width, height := sampleSide, sampleSide
	if a, b, ok := strings.Cut(q.Size, "x"); ok {
		if x, err := strconv.Atoi(a); err == nil && x > 0 {
			width = min(x, sampleMost)
		}
		if y, err := strconv.Atoi(b); err == nil && y > 0 {
			height = min(y, sampleMost)
		}
	}
	data := []any{}
	for i := range min(max(q.N, 1), sampleImages) {
		var b bytes.Buffer
		if err := png.Encode(&b, picture(hashSeed(q.Prompt+strconv.Itoa(i)), width, height)); err != nil {
			refuse(w, http.StatusInternalServerError, "", err.Error())
			return
		}
		data = append(data, map[string]any{"b64_json": base64.StdEncoding.EncodeToString(b.Bytes())})
	}
	writeJSON(w, http.StatusOK, map[string]any{"created": sampleCreated, "data": data})
}

// picture is a soft pattern of three colours.
func picture(seed uint64, width, height int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	part := func(k int) float64 { return float64(seed>>(8*k)&0xff) / 255 }
	for y := range height {
		for x := range width {
			u, v := float64(x)/float64(width), float64(y)/float64(height)
			wave := func(k int) uint8 {
				return uint8(128 + 60*math.Sin(6*u*(1+part(k))+9*part(k+1)) + 60*math.Cos(5*v*(1+part(k+2))+7*part(k)))
			}
			img.SetNRGBA(x, y, color.NRGBA{wave(0), wave(2), wave(4), 255})
		}
	}
	return img
}

// speech answers /audio/speech with a WAV recording: a tone for each letter.
func (s Sample) speech(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Input  string
		Format string `json:"response_format"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, maxSampleBody)).Decode(&q); err != nil || q.Input == "" {
		refuse(w, http.StatusBadRequest, "input", "give an input")
		return
	}
	if q.Format != "wav" {
		refuse(w, http.StatusBadRequest, "response_format", "the sample model speaks wav only")
		return
	}
	var samples []int16
	for _, letter := range q.Input {
		pitch := 180 * math.Pow(2, float64(letter%24)/12)
		n := sampleRate / 8
		for i := range n {
			fade := math.Sin(math.Pi * float64(i) / float64(n))
			samples = append(samples, int16(6000*fade*math.Sin(2*math.Pi*pitch*float64(i)/sampleRate)))
		}
		if len(samples) > sampleSeconds*sampleRate {
			break
		}
	}
	size := uint32(2 * len(samples))
	out := []byte("RIFF")
	out = binary.LittleEndian.AppendUint32(out, 36+size)
	out = append(out, "WAVEfmt "...)
	for _, v := range []uint32{16, 1 | 1<<16, sampleRate, 2 * sampleRate, 2 | 16<<16} {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, size)
	for _, v := range samples {
		out = binary.LittleEndian.AppendUint16(out, uint16(v))
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	_, _ = w.Write(out)
}
