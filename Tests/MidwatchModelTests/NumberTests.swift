// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct NumberTests {
    @Test func `names hash to the published values of FNV-1a`() {
        #expect(NameHash.of("") == 0xCBF2_9CE4_8422_2325)
        #expect(NameHash.of("a") == 0xAF63_DC4C_8601_EC8C)
        #expect(NameHash.of("foobar") == 0x8594_4171_F739_67E8)
        // The ordering key of an alarm, as outboxes hold it.
        #expect(NameHash.of("tunnel/west/co:high") == 0xDA8D_801E_B4C0_DB14)
    }

    @Test func `a hash goes on where another ended`() {
        #expect(NameHash.of("bar", from: NameHash.of("foo")) == NameHash.of("foobar"))
        #expect(NameHash.of([0x61]) == NameHash.of("a"))
    }

    @Test func `SplitMix64 gives the numbers of its reference`() {
        // First outputs of the reference implementation for two seeds.
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
        random = SplitMix64(seed: 42)
        #expect(random.next() == 13_679_457_532_755_275_413)
    }

    @Test func `mixing keeps zero and spreads one`() {
        #expect(SplitMix64.mix(0) == 0)
        #expect(SplitMix64.mix(1) == 0x5692_161D_100B_05E5)
    }
}
