import com.github.houbb.sensitive.word.bs.SensitiveWordBs;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Runs houbb/sensitive-word: a process of bench/moderation, which see. It answers the requests of serve.go. */
public final class Peers {
    private static final int MESSAGE_SIZE = 1024;

    /** Only time after which HotSpot has compiled what runs often tells what a server does. */
    private static final long WARM_NS = 4_000_000_000L;

    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static long liveHeap() throws InterruptedException {
        for (int i = 0; i < 3; i++) {
            System.gc();
            Thread.sleep(50);
        }
        Runtime r = Runtime.getRuntime();
        return r.totalMemory() - r.freeMemory();
    }

    private static List<String> messages(String text, int n) {
        List<String> out = new ArrayList<>();
        int from = 0, bytes = 0;
        for (int i = 0; i < text.length() && out.size() < n; ) {
            int c = text.codePointAt(i);
            int size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
            if (bytes + size > MESSAGE_SIZE) {
                out.add(text.substring(from, i));
                from = i;
                bytes = 0;
            }
            bytes += size;
            i += Character.charCount(c);
        }
        return out;
    }

    private static long number(String request, String key) {
        Matcher m = Pattern.compile("\"" + key + "\":(\\d+)").matcher(request);
        return m.find() ? Long.parseLong(m.group(1)) : 0;
    }

    public static void main(String[] args) throws Exception {
        List<String> words = Files.readAllLines(Path.of(args[1]), StandardCharsets.UTF_8);
        List<String> texts = new ArrayList<>();
        for (int i = 2; i < args.length; i++) {
            texts.add(Files.readString(Path.of(args[i]), StandardCharsets.UTF_8));
        }
        long before = liveHeap(), start = cpu();
        SensitiveWordBs engine = SensitiveWordBs.newInstance().wordDeny(() -> words).wordAllow(Collections::emptyList);
        if (args[0].equals("houbb-plain")) {
            engine = engine.ignoreCase(false).ignoreWidth(false).ignoreNumStyle(false).ignoreChineseStyle(false).ignoreEnglishStyle(false);
        }
        engine = engine.init();
        long built = cpu() - start;
        System.out.printf("{\"build_ns\":%d,\"memory\":%d}%n", built, Math.max(0, liveHeap() - before));
        boolean warm = false;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String text = texts.get((int) number(line, "text"));
            int n = (int) number(line, "messages");
            List<String> parts = n == 0 ? List.of(text) : messages(text, n);
            long bytes = 0;
            for (String p : parts) {
                bytes += p.getBytes(StandardCharsets.UTF_8).length;
            }
            if (!warm) {
                List<String> some = messages(text, 200);
                for (long t = cpu(); cpu() - t < WARM_NS; ) {
                    for (String p : some) {
                        engine.findAll(p);
                    }
                }
                warm = true;
            }
            long min = number(line, "min_ns"), passes = 0, hits = 0, used = 0;
            start = cpu();
            while (passes == 0 || used < min) {
                hits = 0;
                for (String p : parts) {
                    hits += engine.findAll(p).size();
                }
                passes++;
                used = cpu() - start;
            }
            System.out.printf("{\"cpu_ns\":%d,\"passes\":%d,\"bytes\":%d,\"hits\":%d,\"allocs\":-1}%n", used, passes, bytes, hits);
        }
    }
}
