package obligation

import (
	"context"
	"errors"

	"github.com/hegui/hegui/content"
	"github.com/hegui/hegui/exchange"
	"github.com/hegui/hegui/journal"
)

// art12 is Article 12: labels.
func art12() []Control {
	textOnly := func(zh, en string) *Bilingual {
		return &Bilingual{"本版本只处理文本，不转发该类内容。" + zh, "This version carries text only and passes no such content on. " + en}
	}
	return []Control{{
		Duty:    "L12-01",
		Control: Bilingual{"每个生成的答案都带有含“人工智能”与“生成”两个要素的显式标识。", "Every generated answer carries an explicit label with both elements, AI and generated."},
		Fresh:   probeFresh,
		Check:   checkTextLabel,
	}, {
		Duty:    "L12-02",
		Control: Bilingual{"图片边缘或角部写入不小于最短边 5% 的文字标识。", "A worded label of at least 5 % of the shortest side stands at the edge or corner of an image."},
		NotYet:  textOnly("提供图片生成的，请自行加注。", "If you offer image generation, label it yourself."),
	}, {
		Duty:    "L12-03",
		Control: Bilingual{"音频在起始、末尾或适当位置加入语音或节奏标识。", "Audio carries a spoken or rhythmic label at start, end or a suitable place."},
		NotYet:  textOnly("提供语音合成的，请自行加注。", "If you offer speech synthesis, label it yourself."),
	}, {
		Duty:    "L12-04",
		Control: Bilingual{"视频起始画面加注不少于 2 秒，播放周边有显著提示。", "The opening frame of a video is labelled for at least 2 s, with a notice around the player."},
		NotYet:  textOnly("提供视频生成的，请自行加注并在播放周边提示。", "If you offer video generation, label it yourself and put a notice around the player."),
	}, {
		Duty:    "L12-05",
		Control: Bilingual{"界面持续显示标识，客户端版本逐一确认。", "The interface shows the label all the time; each client version attests it."},
		NotYet: &Bilingual{"选择界面标识时，网关会在响应中发送界面义务，但尚不收取客户端确认，无法证明界面确实显示。请由应用负责人确认并保存截图，或改用文内标识。",
			"Where the label stands in the interface, the gateway sends that obligation with each answer, but takes no attestation from clients yet, so it cannot prove that it is shown. Have the application's owner confirm with pictures, or put the label into the text."},
	}, {
		Duty:    "L12-06",
		Control: Bilingual{"文件元数据写入隐式标识七项要素。", "The seven elements of the implicit label are written into file metadata."},
		NotYet: &Bilingual{"响应头和 hegui 对象已带机器可读标识，但尚不写入文件。由应用生成文件的，请自行写入元数据。",
			"Answers carry a machine-readable label in header and hegui object, but files are not written yet. If the application makes files, write the metadata there."},
	}, {
		Duty:    "L12-07",
		Control: Bilingual{"写入后回读，恰有一个标识且与记录一致；从不删除他人标识。", "After writing, the file is read back: one label, as recorded; foreign labels are never removed."},
		NotYet:  &Bilingual{"尚不写文件，因此没有回读。hegui 没有也不会有删除标识的命令。", "No files are written yet, so none is read back. hegui has no command that removes labels and never will."},
	}, {
		Duty:    "L12-08",
		Control: Bilingual{"下载、复制、导出的文件内含显式标识。", "Downloaded, copied and exported files contain the explicit label."},
		NotYet:  &Bilingual{"文内标识会随文字复制，但尚不核查应用导出的文件。请使用文内标识，并检查应用的下载与复制功能。", "A label inside the text is copied with it, but files that applications export are not checked yet. Keep the label in the text and look at the application's download and copy functions."},
	}, {
		Duty:    "L12-09",
		Control: Bilingual{"仅在使用者申请并登记后提供不含显式标识的内容。", "Content without explicit label is given only on a recorded request."},
		Fresh:   Window,
		Check:   checkUnlabelled,
	}, {
		Duty:    "L12-10",
		Control: Bilingual{"传播平台核验上传内容的标识并提示。", "A propagating platform verifies the labels of uploads and notifies."},
		NotYet: &Bilingual{"hegui 尚不知道服务是否允许使用者上传并传播内容，也不核验上传文件。若有此类功能，请在平台上核验、提示并写入传播要素。",
			"hegui does not know yet whether the service lets users upload and spread content, and verifies no uploads. If it does, verify, notify and write the propagation elements on the platform."},
	}}
}

// checkTextLabel rests on the self-test, which looks at what a client really receives, and on the record of what was
// delivered.
func checkTextLabel(ctx context.Context, ev Evidence) (Finding, error) {
	services, err := ev.services()
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	if err := j.probed(ctx, ev, "label"); err != nil {
		return Finding{}, err
	}
	for _, s := range services {
		if s.Modes.Label.Act != "enforce" {
			j.sayf(Breach, "服务 %s 的标识环节处于 %s 模式，答案不带标识。", "The label guard of service %s is in mode %s: answers go out unlabelled.", s.ID, s.Modes.Label.Act)
			j.mend("将标识环节改为 enforce。", "Set the label guard to enforce.")
		}
		if s.Modes.Label.OnError == "open" {
			j.sayf(Notice, "服务 %s 在标识环节无法工作时放行。", "Service %s lets answers pass when labelling cannot work.", s.ID)
		}
	}
	stats, err := ev.windowStats(ctx)
	if err != nil {
		return Finding{}, err
	}
	j.ref(ev.windowRef())
	j.fact("generated_24h", stats.Generated)
	j.fact("labelled_24h", stats.Labelled)
	if missing := stats.Generated - stats.Labelled; missing > 0 {
		j.sayf(Breach, "近 24 小时有 %d 个生成的答案没有标识。", "Answers generated in the last 24 h without label: %d.", missing)
		j.mend("查看所列交互，找出未加标识的原因。", "Look at the exchanges named and find why they were not labelled.")
		list, err := ev.Exchanges.List(ctx, exchange.Filter{From: ev.from(), To: ev.Now, Label: "none", Limit: 100})
		if err != nil {
			return Finding{}, err
		}
		for _, r := range list {
			if shown(r) && r.Application != exchange.ProbeApplication {
				j.ref("exchange:" + r.ID)
			}
		}
	} else {
		j.sayf(Met, "近 24 小时 %d 个生成的答案全部带有标识。", "Answers generated in the last 24 h: %d, all labelled.", stats.Generated)
	}
	j.detached(stats.Detached, true)
	return j.finding()
}

// checkUnlabelled compares what bears no explicit label with the register of such deliveries, over the months for which they are kept.
func checkUnlabelled(ctx context.Context, ev Evidence) (Finding, error) {
	months, err := content.KeepMonths()
	if err != nil {
		return Finding{}, err
	}
	if ev.Content == nil {
		return Finding{}, errors.New("the content ledger is not open here")
	}
	all, err := ev.Content.Count(ctx, content.Filter{})
	if err != nil {
		return Finding{}, err
	}
	waived, err := ev.Content.WaivedCount(ctx)
	if err != nil {
		return Finding{}, err
	}
	bare, ids, err := ev.Content.Unexplained(ctx, ev.Now.AddDate(0, -months, 0))
	if err != nil {
		return Finding{}, err
	}
	altered, err := ev.Content.Altered(ctx)
	if err != nil {
		return Finding{}, err
	}
	j := begin()
	j.fact("contents", all)
	j.fact("unlabelled_deliveries", waived)
	j.fact("without_label_or_entry", bare)
	j.fact("entries_altered", int64(len(altered)))
	j.ref("verb:" + string(journal.LabelWaived))
	j.seen(ev.Now) // the registers are read now
	if all == 0 {
		j.say(Unknown, "内容台账为空，无法判断。", "Nothing is in the content ledger, so it cannot be told.")
		j.mend("服务生成内容后再查看。", "Look again when a service has generated something.")
	}
	if bare > 0 {
		j.sayf(Breach, "近 %[2]d 个月有 %[1]d 份内容不带显式标识，也没有登记。", "Contents of the last %[2]d months without explicit label and without an entry: %[1]d.", bare, months)
		j.mend("查明原因；确系应用户申请提供的，在控制台“无显式标识提供”登记。", "Find out why; where a user had asked for it, record it in the console under Unlabelled deliveries.")
		for _, id := range ids {
			j.ref("content:" + id)
		}
	}
	if len(altered) > 0 {
		j.sayf(Breach, "登记簿有 %d 条记录与日志账本不一致。", "Entries that differ from the journal: %d.", len(altered))
		j.mend("运行 hegui journal verify，从备份恢复登记簿。", "Run hegui journal verify and restore the register from a backup.")
	}
	if waived > 0 {
		j.sayf(Notice, "登记了 %d 次不含显式标识的提供；使用者是否同意所列条款须由人核对。", "Deliveries without explicit label on record: %d; whether the users agreed to the clauses is for people to check.", waived)
		j.mend("核对所列条款的同意记录。", "Check the consent to the clauses named.")
	} else if all > 0 && bare == 0 {
		j.sayf(Met, "台账中 %d 份内容，近 %d 个月没有不带显式标识的。", "Contents in the ledger: %d; none of the last %d months lacks an explicit label.", all, months)
	}
	return j.finding()
}
