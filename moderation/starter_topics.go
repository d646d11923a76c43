package moderation

// starterTopics are topics, cant and slurs: evidence only.
func starterTopics() []starterList {
	return []starterList{
		{category: "A1h", tier: Signal, entries: `
麻古
氯胺酮
可卡因
三唑仑
吸毒工具
上头电子烟
运毒
毒品交易
乖乖水
蒙汗药
仿真枪
气枪
枪支改装
非法买卖枪支
雷管
硝酸铵炸药
赌球
外围投注
地下赌场
时时彩
北京赛车
扫雷红包
老虎机
出老千
境外赌场
缅北
电诈园区
帮信罪
养卡
套现
黑户贷款
裸贷
虚开发票
假币
伪造印章
买卖学历
替考
作弊器
伪基站
盗号
勒索病毒
流量攻击
撞库
钓鱼网站
非法集资
庞氏骗局
资金盘
卖肾
代孕
偷渡
走私象牙
盗墓
drug dealer
crystal meth
sports betting
identity theft
credit card fraud
fake passport
human trafficking
ddos attack
advance fee scam
romance scam`},
		{category: "A1f", tier: Signal, entries: `
偷窥
针孔摄像
裙底
迷奸
性奴
乱伦
兽交
恋童
援交
包养
外围女
楼凤
大保健
裸照
裸条
换脸色情
强奸
轮奸
虐猫
分尸
买凶
雇凶
泼硫酸
斩首视频
血腥视频
revenge porn
upskirt
deepfake porn
bestiality
gang rape`},
		{category: "A4a", tier: Signal, entries: `
跳楼自杀
跳江自杀
服药自杀
活着没意思
结束生命
遗书怎么写
蓝鲸游戏
自残打卡
厌食打卡
end my life
cut myself
suicide note`},
		{category: "A4f", tier: Signal, entries: `
开盒挂人
手机定位找人
户籍信息查询
快递面单信息
人脸数据买卖
phone tracking spyware
leaked database`},
		{category: "A2a", tier: Signal, entries: `
野蛮民族
杂种民族
把这个民族赶出去
white supremacy
racial purity`},
		{category: "A2b", tier: Signal, entries: `
信教的都是疯子
秃驴滚
all infidels deserve death
religious scum`},
		{category: "A2c", tier: Signal, entries: `
棒子去死
阿三去死
黑鬼滚出去
外国人滚出去
go back to your country
dirty foreigners`},
		{category: "A2d", tier: Signal, entries: `
外地狗
乡下人滚
北佬滚
南蛮子滚
地域炮`},
		{category: "A2e", tier: Signal, entries: `
女人都是贱货
女的都是婊子
死同性恋
人妖去死
娘炮去死
臭娘们
feminazi
women are inferior`},
		{category: "A2f", tier: Signal, entries: `
老东西滚
老年人滚出
死老头
死老太婆
old people are useless`},
		{category: "A2g", tier: Signal, entries: `
臭送外卖的
臭保安
臭扫地的
戏子无义
下贱的职业`},
		{category: "A2h", tier: Signal, entries: `
死残废
死瞎子
死聋子
死胖子去死
脑残去死
艾滋病滚
retarded freak`},
		{category: "A2i", tier: Signal, entries: `
穷鬼滚
穷鬼去死
没钱的下等人
底层垃圾去死
filthy peasants`},
		{category: "A3c", tier: Signal, entries: `
泄露标底
窃取商业秘密
内部图纸
trade secret theft`},
	}
}
