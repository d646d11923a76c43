// Command peers runs one Go engine that is not hegui's: a process of bench/moderation, which see.
package main

import (
	"errors"
	"fmt"
	"os"

	bobusumisu "github.com/BobuSumisu/aho-corasick"
	anknown "github.com/anknown/ahocorasick"
	cloudflare "github.com/cloudflare/ahocorasick"
	petar "github.com/petar-dambovaliev/aho-corasick"
	"github.com/zeromicro/go-zero/core/stringx"
)

func main() {
	engines := map[string]builder{
		"anknown":    buildAnknown,
		"petar-dfa":  buildPetarDFA,
		"petar-nfa":  buildPetarNFA,
		"bobusumisu": buildBobuSumisu,
		"cloudflare": buildCloudflare,
		"go-zero":    buildGoZero,
	}
	if err := serve(engines, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func buildAnknown(words []string) (func([]byte, string) int, error) {
	runes := make([][]rune, len(words))
	for i, w := range words {
		runes[i] = []rune(w)
	}
	m := new(anknown.Machine)
	if err := m.Build(runes); err != nil {
		return nil, err
	}
	return func(_ []byte, s string) int { return len(m.MultiPatternSearch([]rune(s), false)) }, nil
}

// buildPetarDFA finds leftmost-longest matches only: its DFA reports no overlapping ones.
func buildPetarDFA(words []string) (func([]byte, string) int, error) {
	b := petar.NewAhoCorasickBuilder(petar.Opts{MatchKind: petar.LeftMostLongestMatch, DFA: true})
	m := b.Build(words)
	return func(_ []byte, s string) int { return len(m.FindAll(s)) }, nil
}

func buildPetarNFA(words []string) (func([]byte, string) int, error) {
	b := petar.NewAhoCorasickBuilder(petar.Opts{MatchKind: petar.StandardMatch})
	m := b.Build(words)
	return func(_ []byte, s string) int {
		var found []petar.Match
		it := m.IterOverlapping(s)
		for f := it.Next(); f != nil; f = it.Next() {
			found = append(found, *f)
		}
		return len(found)
	}, nil
}

func buildBobuSumisu(words []string) (func([]byte, string) int, error) {
	m := bobusumisu.NewTrieBuilder().AddStrings(words).Build()
	return func(b []byte, _ string) int { return len(m.Match(b)) }, nil
}

// maxCloudflare: at 60,000 words it takes 4 GB, at 200,000 12 GB.
const maxCloudflare = 60_000

func buildCloudflare(words []string) (func([]byte, string) int, error) {
	if len(words) > maxCloudflare {
		return nil, errors.New("takes too much memory for so many words")
	}
	m := cloudflare.NewStringMatcher(words)
	return func(b []byte, _ string) int { return len(m.MatchThreadSafe(b)) }, nil
}

func buildGoZero(words []string) (func([]byte, string) int, error) {
	m := stringx.NewTrie(words)
	return func(_ []byte, s string) int { return len(m.FindKeywords(s)) }, nil
}
