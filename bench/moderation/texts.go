package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	textSize = 4 << 20
	minWord  = 2
	maxWord  = 32
)

// readWords reads lists of one word a line, from files and from the .txt files of folders, each word once, without those of
// fewer than two runes or more than 32 and those without a letter or digit, in an order that chance gives.
func readWords(paths []string) ([]string, error) {
	seen := map[string]bool{}
	var words []string
	for _, p := range paths {
		err := filepath.WalkDir(p, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || file != p && filepath.Ext(file) != ".txt" {
				return err
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if !utf8.Valid(data) {
				return fmt.Errorf("%s is not UTF-8", file)
			}
			for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
				w := strings.TrimSpace(string(line))
				n := utf8.RuneCountInString(w)
				if n < minWord || n > maxWord || seen[w] || !strings.ContainsFunc(w, isWord) || strings.ContainsRune(w, utf8.RuneError) {
					continue
				}
				seen[w] = true
				words = append(words, w)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	rnd.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	return words, nil
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// readLines reads the lines of text files; of a .csv file, named as file.csv#column, the cells of that column.
func readLines(paths []string) ([]string, error) {
	var lines []string
	for _, p := range paths {
		file, column, isCSV := strings.Cut(p, "#")
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		data = bytes.ToValidUTF8(bytes.TrimPrefix(data, []byte("\ufeff")), nil)
		if !isCSV {
			lines = append(lines, strings.Split(string(data), "\n")...)
			continue
		}
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		i := slices.Index(rows[0], column)
		if i < 0 {
			return nil, fmt.Errorf("%s: no column %q among %q", file, column, rows[0])
		}
		for _, row := range rows[1:] {
			lines = append(lines, row[i])
		}
	}
	return lines, nil
}

// fill joins lines in an order that chance gives, over and over, to exactly size bytes, less an unfinished rune.
func fill(lines []string, size int) (string, error) {
	lines = slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(lines) == 0 {
		return "", errors.New("no text in the files named")
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	for b.Len() < size {
		rnd.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		for _, l := range lines {
			if b.Len() >= size {
				break
			}
			b.WriteString(strings.TrimSpace(l))
			b.WriteByte('\n')
		}
	}
	return strings.ToValidUTF8(b.String()[:size], ""), nil
}

// mix is a text of Chinese 60 %, English 20 %, code and JSON 20 %, in stretches of about 1 KB.
func mix(zh, english, code string, size int) string {
	var b strings.Builder
	take := func(from *string, n int) {
		n = min(n, len(*from))
		for n < len(*from) && !utf8.RuneStart((*from)[n]) {
			n++
		}
		b.WriteString((*from)[:n])
		*from = (*from)[n:]
	}
	for b.Len() < size && zh != "" {
		take(&zh, 3<<10)
		take(&english, 1<<10)
		take(&code, 1<<10)
	}
	return b.String()
}

// codeLines are Go source of the Go installation and the JSON that a client of a model reads.
func codeLines(goroot string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(goroot, "src", "net", "http", "*.go"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no Go source below %s: %w", goroot, err)
	}
	source, err := readLines(files)
	if err != nil {
		return nil, err
	}
	var lines []string
	for i := 0; i+40 <= len(source); i += 40 {
		lines = append(lines, strings.Join(source[i:i+40], "\n"),
			fmt.Sprintf(`{"id":"chatcmpl-%08x","object":"chat.completion.chunk","created":%d,"model":"m","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}]}`,
				i*2654435761, 1700000000+i, strings.TrimSpace(source[i])))
	}
	return lines, nil
}

// invent makes n words of 2 to 6 runes that are not in words, after the pairs of runes that stand in text. They begin with
// pairs as common as text has them, which makes them hard for engines that filter by beginnings, and go on with any rune
// that text has behind the one before; few have two runes, or they would be hit more often than all real words.
func invent(text string, n int, words []string) []string {
	runes := slices.DeleteFunc([]rune(text), func(r rune) bool { return !unicode.Is(unicode.Han, r) && r != '\n' })
	after, common := map[rune][]rune{}, map[rune][]rune{}
	pairs := map[[2]rune]bool{}
	for i, r := range runes[1:] {
		pair := [2]rune{runes[i], r}
		common[pair[0]] = append(common[pair[0]], r)
		if !pairs[pair] {
			pairs[pair] = true
			after[pair[0]] = append(after[pair[0]], r)
		}
	}
	seen := map[string]bool{}
	for _, w := range words {
		seen[w] = true
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	var out []string
	for tries := 0; len(out) < n && tries < 100*n; tries++ {
		w := []rune{runes[rnd.IntN(len(runes))]}
		want := 3 + rnd.IntN(4)
		if rnd.IntN(20) == 0 {
			want = 2
		}
		for len(w) < want {
			next := after[w[len(w)-1]]
			if len(w) == 1 && want > 2 {
				next = common[w[0]]
			}
			if len(next) == 0 {
				break
			}
			w = append(w, next[rnd.IntN(len(next))])
		}
		if s := string(w); len(w) == want && !strings.ContainsRune(s, '\n') && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// synthetic makes words and a Chinese text out of nothing, so that the benchmark runs without any file: characters by
// Zipf's law, one word of the list in about every 40 characters.
func synthetic(n int) (words, lines []string) {
	rnd := rand.New(rand.NewPCG(7, 8))
	zipf := rand.NewZipf(rnd, 1.2, 20, 3500)
	char := func() rune { return 0x4E00 + rune(zipf.Uint64()*2654435761%20000) }
	seen := map[string]bool{}
	for len(words) < n {
		w := make([]rune, 2+rnd.IntN(7))
		for i := range w {
			w[i] = char()
		}
		if s := string(w); !seen[s] {
			seen[s] = true
			words = append(words, s)
		}
	}
	for range 20_000 {
		var b strings.Builder
		for range 5 + rnd.IntN(60) {
			if rnd.IntN(40) == 0 {
				b.WriteString(words[rnd.IntN(len(words))])
			}
			b.WriteRune(char())
			if rnd.IntN(15) == 0 {
				b.WriteRune('，')
			}
		}
		lines = append(lines, b.String())
	}
	return words, lines
}
