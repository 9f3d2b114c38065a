// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

@testable import Ingest

@Suite struct SeriesCacheTests {
    private func key(_ text: String) -> (bytes: [UInt8], series: ByteRange, field: ByteRange) {
        let bytes = Array(text.utf8)
        let space = bytes.firstIndex(of: 0x20) ?? bytes.count
        return (bytes, ByteRange(0, space), ByteRange(min(space + 1, bytes.count), bytes.count))
    }

    private func hit(_ number: UInt32) -> SeriesCache.Hit {
        SeriesCache.Hit(sensor: SensorIndex(rawValue: number), criticality: .normal)
    }

    @Test func `series with the same hash are told apart by their bytes`() {
        var cache = SeriesCache(countMax: 16)
        let texts = ["a b", "ab ", "a c", "b b", "longer,tag=x value"]
        for (number, text) in texts.enumerated() {
            let key = self.key(text)
            let found = cache.find(hash: 7, key.bytes.span, key.series, key.field)
            #expect(found == nil)
            cache.insert(hash: 7, key.bytes.span, key.series, key.field, self.hit(UInt32(number)))
        }
        for (number, text) in texts.enumerated() {
            let key = self.key(text)
            let found = cache.find(hash: 7, key.bytes.span, key.series, key.field)
            #expect(found?.sensor == SensorIndex(rawValue: UInt32(number)))
        }
    }

    @Test func `a full cache forgets everything and goes on`() {
        var cache = SeriesCache(countMax: 16)
        var counts: Set<Int> = []
        for number in 0..<500 {
            let key = self.key("series\(number) value")
            cache.insert(
                hash: UInt64(number), key.bytes.span, key.series, key.field,
                self.hit(UInt32(number)))
            let found = cache.find(hash: UInt64(number), key.bytes.span, key.series, key.field)
            #expect(found?.sensor == SensorIndex(rawValue: UInt32(number)))
            counts.insert(cache.count)
        }
        #expect(cache.overflowCount > 0)
        #expect(counts.max() ?? 0 <= 64)
    }

    @Test func `long keys fill the arena before the table and are forgotten too`() {
        var cache = SeriesCache(countMax: 16)
        for number in 0..<50 {
            let key = self.key(String(repeating: "x", count: 1_000) + "\(number) value")
            cache.insert(
                hash: UInt64(number), key.bytes.span, key.series, key.field,
                self.hit(UInt32(number)))
            let found = cache.find(hash: UInt64(number), key.bytes.span, key.series, key.field)
            #expect(found?.sensor == SensorIndex(rawValue: UInt32(number)))
        }
        #expect(cache.overflowCount > 0)
    }
}
