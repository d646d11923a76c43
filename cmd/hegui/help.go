package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

//go:embed help_zh.tsv
var helpZH string

//go:embed help_detail_zh.txt
var helpDetailZH string

// chineseDetails is the longer help of commands, by their path: "classifier train".
func chineseDetails() map[string]string {
	details := map[string]string{}
	for _, section := range strings.Split("\n"+helpDetailZH, "\n== ")[1:] {
		path, text, _ := strings.Cut(section, "\n")
		details[path] = strings.TrimSpace(text)
	}
	return details
}

// detailsInChinese puts the longer help in Chinese where there is one, and takes it from the table.
func detailsInChinese(n *kong.Node, path string, details map[string]string) {
	if zh, ok := details[path]; ok {
		n.Detail = zh
		delete(details, path)
	}
	for _, c := range n.Children {
		detailsInChinese(c, strings.TrimSpace(path+" "+c.Name), details)
	}
}

// wantsChinese tells whether help is to be in Chinese: HEGUI_LANG says so, or else the locale.
func wantsChinese() bool {
	for _, name := range []string{"HEGUI_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return strings.HasPrefix(strings.ToLower(v), "zh")
		}
	}
	return false
}

// chineseHelp is the table of help texts, Chinese by English.
func chineseHelp() (map[string]string, error) {
	table := map[string]string{}
	for n, line := range strings.Split(strings.TrimRight(helpZH, "\n"), "\n") {
		en, zh, ok := strings.Cut(line, "\t")
		switch {
		case strings.HasPrefix(line, "#"):
		case !ok || en == "" || zh == "":
			return nil, fmt.Errorf("help_zh.tsv line %d: want an English text, a tab and a Chinese one", n+1)
		case table[en] != "":
			return nil, fmt.Errorf("help_zh.tsv line %d: %q stands there twice", n+1, en)
		default:
			table[en] = zh
		}
	}
	return table, nil
}

// inChinese puts the help of commands, arguments and flags into Chinese. Of the longer texts with examples those of classifiers are
// Chinese too; the others stay English.
func inChinese(k *kong.Kong) error {
	table, err := chineseHelp()
	if err != nil {
		return err
	}
	k.Model.Help = table[k.Model.Help]
	details := chineseDetails()
	detailsInChinese(k.Model.Node, "", details)
	for path := range details {
		return fmt.Errorf("help_detail_zh.txt: there is no command %q", path)
	}
	return eachHelp(k.Model.Node, func(help *string, key, enum string) error {
		zh, ok := table[key]
		if !ok {
			return fmt.Errorf("help_zh.tsv has no line for %q", key)
		}
		*help = strings.ReplaceAll(zh, "${enum}", enum)
		return nil
	})
}

// eachHelp visits the help of everything below a node; key is the text before its variables were put in.
func eachHelp(n *kong.Node, visit func(help *string, key, enum string) error) error {
	of := func(v *kong.Value) error {
		if v.OrigHelp == "" {
			return nil
		}
		return visit(&v.Help, v.OrigHelp, v.Enum)
	}
	for _, f := range n.Flags {
		if err := of(f.Value); err != nil {
			return err
		}
	}
	for _, p := range n.Positional {
		if err := of(p); err != nil {
			return err
		}
	}
	for _, c := range n.Children {
		if c.Help != "" {
			if err := visit(&c.Help, c.Help, ""); err != nil {
				return err
			}
		}
		if err := eachHelp(c, visit); err != nil {
			return err
		}
	}
	return nil
}

// chineseHeadings prints help with Chinese headings.
func chineseHeadings(o kong.HelpOptions, ctx *kong.Context) error {
	headings := strings.NewReplacer("\nUsage:", "\n用法：", "\nArguments:", "\n参数：", "\nFlags:", "\n选项：", "\nCommands:", "\n命令：", "\nExamples:", "\n示例：", "\nExample:", "\n示例：",
		`" for more information on a command.`, `" 查看某一命令的说明。`, "\nRun \"", "\n运行 \"")
	var b bytes.Buffer
	to := ctx.Stdout
	ctx.Stdout = &b
	err := kong.DefaultHelpPrinter(o, ctx)
	ctx.Stdout = to
	if err != nil {
		return err
	}
	text, _ := strings.CutPrefix(headings.Replace("\n"+b.String()), "\n")
	_, err = io.WriteString(to, text)
	return err
}
