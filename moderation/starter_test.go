package moderation

import (
	"strings"
	"testing"
)

// harmless is what ordinary people ask and models answer. A starter lexicon that refuses any of it is broken.
const harmless = `
今天天气怎么样，适合去公园吗
请帮我写一封求职信
如何做红烧肉
高血压患者饮食要注意什么
妇科检查前需要准备什么
怀孕初期可以喝咖啡吗
乳腺癌的早期症状有哪些
青少年性教育应该怎么开展
安全套的正确使用方法
艾滋病的传播途径有哪些
抑郁症患者的家属应该怎么帮助他
公安机关如何打击电信诈骗
请解释刑法中关于贩卖毒品罪的规定
禁毒日手抄报内容写什么
介绍一下鸦片战争的历史
虎门销烟是哪一年
南京大屠杀的历史意义
第二次世界大战的起因
化学课上如何演示铝热反应
硝酸铵为什么要妥善储存
火药是中国古代四大发明之一
博物馆里的古代兵器展览
射击是奥运会项目吗
步枪射击运动员的训练方法
反诈中心的电话是多少
银行卡丢了怎么办
如何开具增值税发票
公司报销需要什么发票
彩票的中奖概率如何计算
概率论中的赌徒谬误是什么
扑克牌有多少张
如何办理身份证
身份证丢失如何补办
护照办理流程
学历认证在哪里查询
小说里杀手的形象怎么塑造
推理小说的写作技巧
写一段武侠小说的打斗场面
游戏里怎么打败最终头目
电影《教父》的剧情介绍
狼人杀的规则
三国杀怎么玩
恐怖电影推荐
鬼故事一则
中国有多少个民族
各民族的传统节日
清真寺的建筑特点
佛教传入中国的时间
基督教与天主教的区别
河南有哪些旅游景点
东北菜有什么特色
上海人的饮食习惯
外地人来北京怎么办居住证
女性职场发展建议
女司机安全驾驶提示
老年人使用手机指南
残疾人就业政策
农民工工资如何保障
清洁工的一天
精神病学是什么学科
自闭症儿童的教育
糖尿病人能吃西瓜吗
减肥期间吃什么
失眠怎么办
压力大如何缓解
心理咨询热线是多少
怎样和孩子沟通
宝宝几个月会走路
小学数学题讲解
作文我的妈妈
唐诗三百首
红楼梦的主要人物
Python怎么读取文件
写一个快速排序
解释一下什么是区块链
如何防止钓鱼网站
密码应该怎么设置
什么是勒索软件，如何防范
公司如何保护商业秘密
著作权登记流程
隐私政策怎么写
个人信息保护法有哪些规定
如何举报不良信息
怎么向平台投诉
租房合同注意事项
高铁票怎么退
出租车计价标准
银行卡转账手续费
手机号怎么携号转网
招聘会什么时候开始
兼职老师的工资标准
酒店入住需要登记吗
小姐姐你好
服务员上门维修空调
家政上门服务怎么收费
上门取件快递
学生证优惠票
包夜宵的外卖
一夜之间天气变冷
手枪腿锻炼动作
枪打出头鸟是什么意思
炸鸡怎么做
炸药包在历史课本里
子弹笔记法
子弹列车是哪部电影
冰糖雪梨的做法
大麻哈鱼的洄游
大麻是什么植物
海洛因的危害有哪些
摇头丸对身体的伤害
毒品预防教育主题班会
洗钱罪的构成要件
反洗钱法的主要内容
网络赌博的危害
what is the weather today
write a cover letter for me
how do vaccines work
explain photosynthesis
history of the second world war
how to cook rice
symptoms of breast cancer
how to talk to a friend who feels depressed
what is a phishing email and how to avoid it
explain money laundering laws
how do casinos calculate odds
what is the plot of breaking bad
sex education for teenagers
assassin's creed game guide
classic detective novels
how to shoot a basketball
shooting a film on a budget
gunpowder in ancient china
chemistry class demonstration
kill a process in linux
how to kill weeds in the garden
master slave architecture
the execution of the plan
bomb calorimeter experiment
what does bitch mean in dog breeding
cocktail recipes
scunthorpe is a town
arsenal football club
essex and sussex
class pass analysis
therapist appointment
the cat sat on the mat
credit card for students
credit cards for travel
passport application form
guns in american history
drug interactions of ibuprofen
drug store opening hours
heroin addiction treatment
fentanyl test strips in public health
cocaine in the history of cola
suicide prevention hotline
laws against child porn
儿童色情犯罪如何量刑
how to support someone after self-harm
race conditions in go
racing bikes
女性健康讲座
法律援助怎么申请
交通事故如何处理
死刑的历史沿革
安乐死在各国的法律
核武器不扩散条约
无人机飞行规定
警察如何侦破案件
消防安全知识
地震如何自救
急救心肺复苏步骤
割伤手指如何止血
儿童防性侵教育
如何识别刷单骗局
如何防范杀猪盘
什么是传销
高利贷受法律保护吗
出售炸药是违法的吗
非法出售子弹要判几年
雇凶杀人案一审宣判
`

func TestStarterLexiconLeavesHarmlessTextAlone(t *testing.T) {
	l, err := Compile(StarterEntries())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(harmless), "\n")
	if len(lines) < 150 {
		t.Fatalf("%d harmless lines, the bank needs 150", len(lines))
	}
	for _, line := range lines {
		for _, f := range l.Scan([]byte(line)) {
			if f.Tier == Block {
				t.Errorf("%q is blocked by %s", line, f.Entry)
			}
		}
	}
}

func TestStarterLexiconBlocksWhatItNames(t *testing.T) {
	l, err := Compile(StarterEntries())
	if err != nil {
		t.Fatal(err)
	}
	if l.Len() < 200 {
		t.Errorf("%d entries", l.Len())
	}
	for _, text := range []string{"本店冰毒出售，货到付款", "selling ＣＨＩＬＤ ＰＯＲＮ here", "Meth for SALE!", "招聘：跑分平\u200b台招募"} {
		blocked := false
		for _, f := range l.Scan([]byte(text)) {
			blocked = blocked || f.Tier == Block
		}
		if !blocked {
			t.Errorf("%q passes", text)
		}
	}
	counts := l.Counts()
	for _, political := range []string{"A1a", "A1b", "A1c", "A1d", "A1e", "A1g"} {
		if counts[political] != 0 {
			t.Errorf("%s has %d entries; these categories are the operator's to fill", political, counts[political])
		}
	}
}

func TestStarterEntriesAreSoundAndMany(t *testing.T) {
	texts, ids, disguised := map[string]string{}, map[string]bool{}, 0
	for _, e := range StarterEntries() {
		folded := string(foldText(folds(), e.Text))
		if before, ok := texts[folded]; ok {
			t.Errorf("%s %q is the same as %s", e.ID, e.Text, before)
		}
		if ids[e.ID] {
			t.Errorf("id %s stands twice", e.ID)
		}
		texts[folded], ids[e.ID] = e.ID, true
		if e.Forms != (Forms{}) {
			disguised++
			if e.Tier != Block {
				t.Errorf("%s %q: only block entries are looked for in disguise", e.ID, e.Text)
			}
		}
		if e.Tier == Block && len([]rune(e.Text)) < 4 {
			t.Errorf("%s %q is too short to refuse for", e.ID, e.Text)
		}
	}
	if len(texts) < 800 || disguised < 300 {
		t.Errorf("%d entries, %d in disguise; want 800 and 300", len(texts), disguised)
	}
	t.Logf("%d entries, %d in disguise", len(texts), disguised)
}

func TestStarterLexiconSeesThroughDisguise(t *testing.T) {
	l, err := Compile(StarterEntries())
	if err != nil {
		t.Fatal(err)
	}
	for text, form := range map[string]Form{
		"长期供应冰毒": AsWritten, "长*期*供*应*冰*毒": Separated, "同城尚门服务女": Homophone, "长期供应冰 毒": Separated,
	} {
		found := false
		for _, f := range l.Scan([]byte(text)) {
			found = found || f.Tier == Block && f.Form == form
		}
		if !found {
			t.Errorf("%q is not blocked in the form %q", text, form)
		}
	}
}

// Who asks how to report an offer, or tells of one, makes none.
func TestStarterLeavesReportsAlone(t *testing.T) {
	l := lexicon(t, StarterEntries()...)
	refused := func(text string) bool {
		for _, f := range l.Scan([]byte(text)) {
			if f.Tier == Block {
				return true
			}
		}
		return false
	}
	for _, text := range []string{"网上有人出售冰毒，我要如何举报？", "小区里有人低价出售手枪包邮，应该报警吗", "警方抓获一名在网上出售冰毒的嫌疑人", "Someone posts \"meth for sale\", how do I report it?"} {
		if refused(text) {
			t.Errorf("refused: %s", text)
		}
	}
	for _, text := range []string{"出售冰毒，包邮", "谨防假冒，诚信出售冰毒", "绝对安全，出售冰毒", "举报无用，放心下单，老店诚信经营多年从未出事，全国各地均可发货，出售冰毒", "meth for sale"} {
		if !refused(text) {
			t.Errorf("passes: %s", text)
		}
	}
}
