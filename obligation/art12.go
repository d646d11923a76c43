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
	return []Control{{
		Duty:    "L12-01",
		Control: Bilingual{"每个生成的答案都带有含“人工智能”与“生成”两个要素的显式标识。", "Every generated answer carries an explicit label with both elements, AI and generated."},
		Fresh:   probeFresh,
		Check:   checkTextLabel,
	}, {
		Duty:    "L12-02",
		Control: Bilingual{"图片边缘或角部写入不小于最短边 5% 的文字标识。", "A worded label of at least 5 % of the shortest side stands at the edge or corner of an image."},
		Fresh:   Window,
		Check:   fileLabels("image", "图片", "images"),
	}, {
		Duty:    "L12-03",
		Control: Bilingual{"音频在起始、末尾或适当位置加入语音或节奏标识。", "Audio carries a spoken or rhythmic label at start, end or a suitable place."},
		Fresh:   Window,
		Check:   fileLabels("audio", "音频", "recordings"),
	}, {
		Duty:    "L12-04",
		Control: Bilingual{"视频起始画面加注不少于 2 秒，播放周边有显著提示。", "The opening frame of a video is labelled for at least 2 s, with a notice around the player."},
		Fresh:   Window,
		Check:   fileLabels("video", "视频", "films"),
	}, {
		Duty:    "L12-05",
		Control: Bilingual{"界面持续显示标识，客户端版本逐一确认。", "The interface shows the label all the time; each client version attests it."},
		Fresh:   Window,
		Check:   checkInterfaces,
	}, {
		Duty:    "L12-06",
		Control: Bilingual{"文件元数据写入隐式标识七项要素。", "The seven elements of the implicit label are written into file metadata."},
		Fresh:   Window,
		Check:   checkFileMetadata,
	}, {
		Duty:    "L12-07",
		Control: Bilingual{"写入后回读，恰有一个标识且与记录一致；从不删除他人标识。", "After writing, the file is read back: one label, as recorded; foreign labels are never removed."},
		NotYet: &Bilingual{"每次写入都先回读核对，不一致的不予交付，但尚不留下逐次记录。hegui 没有也不会有删除标识的命令。",
			"Every write is read back and what differs does not leave, but no record of each is kept yet. hegui has no command that removes labels and never will."},
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

// fileLabels judges the explicit labels of the files of one medium that the gateway has delivered.
func fileLabels(medium, zh, en string) func(context.Context, Evidence) (Finding, error) {
	return func(ctx context.Context, ev Evidence) (Finding, error) {
		if ev.Content == nil {
			return Finding{}, errors.New("the content ledger is not open here")
		}
		signs, _, err := ev.Content.Signs(ctx, medium, ev.Now.Add(-Window))
		if err != nil {
			return Finding{}, err
		}
		j := begin()
		j.seen(ev.Now) // the ledger is read now
		j.ref("content:" + medium)
		var all int64
		for _, n := range signs {
			all += n
		}
		j.fact("files_24h", all)
		j.fact("by_label", signs)
		if all == 0 {
			j.say(Unknown, "近 24 小时没有经网关生成的"+zh+"，无法判断。", "No "+en+" were generated through the gateway in the last 24 h, so it cannot be told.")
			j.mend("不提供此类内容的，无需处理；自行生成的，请自行加注。", "Nothing is to be done where no such content is offered; what applications generate elsewhere they must label themselves.")
			return j.finding()
		}
		if n := signs["none"]; n > 0 {
			j.sayf(Breach, "近 24 小时有 %d 份"+zh+"不带显式标识。", "Of the "+en+" of the last 24 h without explicit label: %d.", n)
			j.mend("将标识环节改为 enforce；应用户申请提供的，另行登记。", "Set the label guard to enforce; what a user had asked for is recorded apart.")
		}
		if n := signs["ui"]; n > 0 {
			j.sayf(Notice, "近 24 小时有 %d 份"+zh+"由界面提示，网关不能证明界面确已显示。", "Of the "+en+" of the last 24 h for which the interface must tell, which the gateway cannot see: %d.", n)
			j.mend("将 label.place 改为 start 或 end，使标识写在文件上。", "Set label.place to start or end, so that the label stands on the file.")
		}
		if n := all - signs["none"] - signs["ui"]; n > 0 {
			j.sayf(Met, "近 24 小时有 %d 份"+zh+"带有显式标识。", "Of the "+en+" of the last 24 h with an explicit label: %d.", n)
		}
		return j.finding()
	}
}

// checkFileMetadata judges the implicit labels of all files that the gateway has delivered.
func checkFileMetadata(ctx context.Context, ev Evidence) (Finding, error) {
	if ev.Content == nil {
		return Finding{}, errors.New("the content ledger is not open here")
	}
	j := begin()
	j.seen(ev.Now)
	j.ref("content:files")
	var all, without int64
	for _, medium := range content.Media() {
		if medium == "text" {
			continue
		}
		signs, bare, err := ev.Content.Signs(ctx, medium, ev.Now.Add(-Window))
		if err != nil {
			return Finding{}, err
		}
		for _, n := range signs {
			all += n
		}
		without += bare
	}
	j.fact("files_24h", all)
	j.fact("without_metadata", without)
	switch {
	case all == 0:
		j.say(Unknown, "近 24 小时没有经网关生成的文件，无法判断；文本的机器可读标识在响应头和 hegui 对象中。", "No files were generated through the gateway in the last 24 h, so it cannot be told; texts carry the machine-readable label in header and hegui object.")
		j.mend("由应用生成文件的，请用 hegui label 写入元数据。", "Where applications make files, write the metadata with hegui label.")
	case without > 0:
		j.sayf(Breach, "近 24 小时有 %d 个文件的元数据不带隐式标识。", "Files of the last 24 h without the label in their metadata: %d.", without)
		j.mend("将标识环节改为 enforce。", "Set the label guard to enforce.")
	default:
		j.sayf(Met, "近 24 小时的 %d 个文件均在元数据中带有隐式标识，写入后已回读。", "Files of the last 24 h: %d, all with the label in their metadata, read back after writing.", all)
	}
	return j.finding()
}
