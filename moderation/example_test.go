package moderation_test

import (
	"fmt"

	"github.com/hegui/hegui/moderation"
)

// A lexicon finds its entries in any disguise that folding undoes, and in those that an entry asks for.
func Example() {
	lexicon, err := moderation.Compile([]moderation.Entry{
		{ID: "sale", Text: "出售冰毒", Category: "A1h", Tier: moderation.Block, Forms: moderation.Forms{Separated: true}},
		{ID: "name", Text: "冰毒", Category: "A1h", Tier: moderation.Signal},
		{ID: "film", Text: "冰毒妈", Allow: true},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"如何识别冰毒？", "出-售-氷-毒", "出售\u200b冰毒", "电影《冰毒妈》", "卖冰块"} {
		fmt.Printf("%q", text)
		for _, f := range lexicon.Scan([]byte(text)) {
			fmt.Printf(" %s(%s %d-%d)", f.Entry, f.Tier, f.Start, f.End)
		}
		fmt.Println()
	}
	// Output:
	// "如何识别冰毒？" name(signal 12-18)
	// "出-售-氷-毒" sale(block 0-15)
	// "出售\u200b冰毒" sale(block 0-15) name(signal 9-15)
	// "电影《冰毒妈》"
	// "卖冰块"
}

// A Window says, while a text arrives, how much of it may be shown. What it shows does not depend on where the chunks end.
func ExampleWindow() {
	lexicon, err := moderation.Compile([]moderation.Entry{{ID: "sale", Text: "出售冰毒", Category: "A1h", Tier: moderation.Block}})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := lexicon.NewWindow(moderation.Scene{Direction: "out", Channel: "content"}, nil)
	for _, chunk := range []string{"本店出", "售冰块，也出售冰", "毒"} {
		step := w.Write([]byte(chunk))
		fmt.Printf("%q → %q\n", chunk, step.Release)
		if step.Violation != nil {
			fmt.Println("stopped by", step.Violation.Entry, "at", step.Violation.Start)
		}
	}
	// Output:
	// "本店出" → "本店"
	// "售冰块，也出售冰" → "出售冰块，也"
	// "毒" → ""
	// stopped by sale at 24
}

// Lint proposes a weaker tier for entries that would refuse ordinary people.
func ExampleLint() {
	list, err := moderation.Import("list.txt", []byte("出售冰毒\n公司\n"), moderation.ImportOptions{Category: "A1h", Tier: moderation.Block})
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := moderation.Lint(list.Entries, []string{"这家公司在北京。", "公司明天放假。"}, moderation.LintOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range report.Apply(list.Entries) {
		fmt.Println(e.Text, e.Tier)
	}
	// Output:
	// 出售冰毒 block
	// 公司 quarantine
}
