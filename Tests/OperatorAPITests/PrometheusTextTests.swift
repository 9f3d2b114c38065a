// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorAPI
import Testing

@Suite struct PrometheusTextTests {
    @Test func `families are contiguous, described once and escaped`() throws {
        let page = PrometheusText([
            MetricSample(
                "midwatch_a_total", help: "Line \\ one\ntwo \"quoted\"", kind: .counter,
                labels: [("source", "x\"\\\ny")], value: 3),
            MetricSample("midwatch_b", help: "B.", kind: .gauge, value: .nan),
            MetricSample(
                "midwatch_a_total", help: "other", kind: .counter, labels: [("source", "z")],
                value: 1.5),
        ])
        #expect(
            page.text == """
                # HELP midwatch_a_total Line \\\\ one\\ntwo "quoted"
                # TYPE midwatch_a_total counter
                midwatch_a_total{source="x\\"\\\\\\ny"} 3
                midwatch_a_total{source="z"} 1.5
                # HELP midwatch_b B.
                # TYPE midwatch_b gauge
                midwatch_b NaN

                """)
        _ = try PrometheusPage(parsing: page.text)
    }

    @Test func `a histogram is one family`() throws {
        var samples: [MetricSample] = []
        for (bound, count) in [("0.01", 1.0), ("+Inf", 4.0)] {
            samples.append(
                MetricSample(
                    "midwatch_lag_seconds_bucket", help: "Lag.", kind: .histogram,
                    labels: [("le", bound)], value: count))
        }
        samples.append(
            MetricSample("midwatch_lag_seconds_sum", help: "", kind: .histogram, value: 0.5))
        samples.append(
            MetricSample("midwatch_lag_seconds_count", help: "", kind: .histogram, value: 4))
        let page = try PrometheusPage(parsing: PrometheusText(samples).text)
        #expect(page.families.map(\.name) == ["midwatch_lag_seconds"])
        #expect(page.families.first?.type == "histogram")
        #expect(page.families.first?.samples.count == 4)
    }

    @Test func `what would make the page invalid is left out and counted`() throws {
        func gauge(_ name: String, _ labels: [(name: String, value: String)] = []) -> MetricSample {
            MetricSample(name, help: "H.", kind: .gauge, labels: labels, value: 1)
        }
        let page = PrometheusText([
            gauge("ok"), gauge("ok"), gauge("1bad"), gauge("bad-name"), gauge(""),
            gauge("labels", [("a", "1"), ("b", "2")]), gauge("labels", [("b", "2"), ("a", "1")]),
            gauge("labels", [("__x", "1")]), gauge("labels", [("x:y", "1")]),
            gauge("labels", [("a", "1"), ("a", "2")]),
            MetricSample("ok", help: "H.", kind: .counter, labels: [("x", "1")], value: 1),
        ])
        #expect(page.refusedCount == 9)
        let parsed = try PrometheusPage(parsing: page.text)
        #expect(parsed.families.map(\.samples.count) == [1, 1])
    }

    @Test(arguments: [
        (0.0, "0"), (-1.5, "-1.5"), (Double.infinity, "+Inf"), (-Double.infinity, "-Inf"),
        (1e300, "1e+300"), (123_456_789_012.0, "123456789012"),
    ])
    func `numbers have their canonical form`(value: Double, text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test(arguments: [
        "midwatch_a 1\n", "# TYPE a gauge\na 1", "# TYPE a gauge\na 1\n# TYPE a gauge\na 2\n",
        "# TYPE a gauge\na{x=\"1} 1\n", "# TYPE a gauge\na 1\na 1\n", "# TYPE a gauge\nb 1\n",
        "# TYPE a gauge\na one\n", "# TYPE a oddity\na 1\n",
    ])
    func `the strict parser of these tests refuses what is wrong`(text: String) {
        #expect(throws: PrometheusPage.Failure.self) { try PrometheusPage(parsing: text) }
    }
}
