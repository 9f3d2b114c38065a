// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import TelemetryWire
import Testing

/// Everything the parser says about `input`, as one text per step.
private func steps(_ input: [UInt8], acceptsNotFinite: Bool = true) -> [String] {
    var parser = LineProtocolParser(acceptsNotFinite: acceptsNotFinite)
    var steps: [String] = []
    parser.start()
    while true {
        switch parser.nextLine(input.span) {
        case .end: return steps
        case .rejected(let rejection):
            let lines = rejection.lineCount > 1 ? "+\(rejection.lineCount - 1)" : ""
            steps.append("\(rejection.number)\(lines) \(rejection.error)")
        case .line(let line):
            var step = "\(line.number) \(text(input, line.seriesKey))"
            for index in 0..<line.fieldCount {
                let field = parser.field(index)
                step += " \(text(input, field.key))=\(describe(field, input))"
            }
            if let timestamp = line.timestamp { step += " @\(timestamp)" }
            if line.duplicateFieldCount > 0 { step += " dup\(line.duplicateFieldCount)" }
            steps.append(step)
        }
    }
}

private func describe(_ field: LineProtocolField, _ input: [UInt8]) -> String {
    switch field.kind {
    case .float: "f\(Double(bitPattern: field.bits))"
    case .signed: "i\(Int64(bitPattern: field.bits))"
    case .unsigned: "u\(field.bits)"
    case .bool: field.bits == 1 ? "true" : "false"
    case .string: "\"\(text(input, field.text))\"\(field.textHasEscape ? "e" : "")"
    case .notFinite: "!\(Double(bitPattern: field.bits))"
    }
}

private func error(_ line: String) -> LineProtocolError? {
    var parser = LineProtocolParser()
    parser.start()
    guard case .rejected(let rejection) = parser.nextLine(bytes(line).span) else { return nil }
    return rejection.error
}

@Suite struct LineProtocolParserTests {
    @Test(arguments: [
        ("a b=1", "1 a b=f1.0"),
        ("a b=1 5", "1 a b=f1.0 @5"),
        ("a b=1 -5\n", "1 a b=f1.0 @-5"),
        ("a b=1\r\n", "1 a b=f1.0"),
        ("a b=1 7\r\n", "1 a b=f1.0 @7"),
        ("a b=1\r", "1 a b=f1.0"),
        ("a,t=x,u=y b=1,c=2i,d=3u", "1 a,t=x,u=y b=f1.0 c=i2 d=u3"),
        ("a b=-9223372036854775808i", "1 a b=i-9223372036854775808"),
        ("a b=9223372036854775807i", "1 a b=i9223372036854775807"),
        ("a b=18446744073709551615u", "1 a b=u18446744073709551615"),
        ("a b=-0u", "1 a b=u0"),
        ("a b=.5,c=5.,d=1e3,e=-1.5E-2,f=+2", "1 a b=f0.5 c=f5.0 d=f1000.0 e=f-0.015 f=f2.0"),
        ("a b=t,c=T,d=true,e=True,f=TRUE", "1 a b=true c=true d=true e=true f=true"),
        ("a b=f,c=F,d=false,e=False,f=FALSE", "1 a b=false c=false d=false e=false f=false"),
        (#"a b="x y,z=1" 3"#, #"1 a b="x y,z=1" @3"#),
        (#"a b="say \"hi\" \\ \n""#, #"1 a b="say \"hi\" \\ \n"e"#),
        (#"a b="""#, #"1 a b="""#),
        (#"a\ b\,c,t\=\ \,=v\=\ \, f\=\ \,=1"#, #"1 a\ b\,c,t\=\ \,=v\=\ \, f\=\ \,=f1.0"#),
        (#"a\b=c,t\x=y\z f\g=1"#, #"1 a\b=c,t\x=y\z f\g=f1.0"#),
        (#"a\\,t=1 b=1"#, #"1 a\\,t=1 b=f1.0"#),
        (#""a","t"="x" "b"=1"#, #"1 "a","t"="x" "b"=f1.0"#),
        ("a b=1,c=2,b=3", "1 a b=f3.0 c=f2.0 dup1"),
        ("a b=nan", "1 a b=!nan"),
        ("a b=-Inf,c=+infinity,d=NaN", "1 a b=!-inf c=!inf d=!nan"),
        ("a b=1 9223372036854775806", "1 a b=f1.0 @9223372036854775806"),
        ("a b=1 -9223372036854775806", "1 a b=f1.0 @-9223372036854775806"),
        ("größe,ort=köln b=1", "1 größe,ort=köln b=f1.0"),
    ])
    func `a line of the grammar is taken`(line: String, expected: String) {
        #expect(steps(bytes(line)) == [expected])
    }

    @Test(arguments: [
        (" a b=1", LineProtocolError.emptyMeasurement), (",t=x b=1", .emptyMeasurement),
        ("_a b=1", .reservedName), ("a,_t=x b=1", .reservedName), ("a _b=1", .reservedName),
        ("a, b=1", .emptyTagKey), ("a,=x b=1", .emptyTagKey), ("a,,t=x b=1", .emptyTagKey),
        ("a,", .emptyTagKey), ("a,t b=1", .tagWithoutValue), ("a,t", .tagWithoutValue),
        ("a,t,u=x b=1", .tagWithoutValue), ("a,t= b=1", .emptyTagValue),
        ("a,t=,u=x b=1", .emptyTagValue), ("a,t=", .emptyTagValue),
        ("a,t=\r\n", .emptyTagValue), ("a,t=x=y b=1", .unescapedEquals),
        ("a", .noField), ("a ", .noField), ("a,t=x", .noField), ("a,t=x \n", .noField),
        ("a  b=1", .noField), ("a\r\n", .noField),
        ("a =1", .emptyFieldKey), ("a b=1,", .emptyFieldKey), ("a b=1,=2", .emptyFieldKey),
        ("a b=1,,c=2", .emptyFieldKey), ("a b=1,\r\n", .emptyFieldKey),
        ("a b", .fieldWithoutValue), ("a b c=1", .fieldWithoutValue),
        ("a b,c=1", .fieldWithoutValue), ("a b=1,c 5", .fieldWithoutValue),
        ("a b=", .emptyFieldValue), ("a b=,c=1", .emptyFieldValue),
        ("a b= 5", .emptyFieldValue), ("a b=\r\n", .emptyFieldValue),
        ("a b=tr", .malformedBoolean), ("a b=tRUE", .malformedBoolean),
        ("a b=TRue", .malformedBoolean), ("a b=TruE", .malformedBoolean),
        ("a b=truex", .malformedBoolean), ("a b=Falsey", .malformedBoolean),
        ("a b=1i2", .malformedNumber), ("a b=1.5i", .malformedNumber),
        ("a b=1e2u", .malformedNumber), ("a b=1.5.5", .malformedNumber),
        ("a b=-", .malformedNumber), ("a b=.", .malformedNumber), ("a b=1e", .malformedNumber),
        ("a b=1e+", .malformedNumber), ("a b=0x10", .malformedNumber),
        ("a b=1_000", .malformedNumber), ("a b=hello", .malformedNumber),
        ("a b=1=2", .malformedNumber), ("a b=1\tc=2", .malformedNumber),
        ("a b=nano", .malformedNumber), ("a b=i", .malformedNumber),
        ("a b=1e999", .floatOutOfRange), ("a b=-1e309", .floatOutOfRange),
        ("a b=9223372036854775808i", .integerOutOfRange),
        ("a b=-9223372036854775809i", .integerOutOfRange),
        ("a b=99999999999999999999i", .integerOutOfRange),
        ("a b=18446744073709551616u", .integerOutOfRange), ("a b=-1u", .integerOutOfRange),
        (#"a b=""#, .unclosedQuote), (#"a b="x"#, .unclosedQuote),
        (#"a b="x\""#, .unclosedQuote), (#"a b="x\"#, .unclosedQuote),
        ("a b=\"x\ny\"", .newlineInString), (#"a b="x"y"#, .textAfterString),
        (#"a b="x"1"#, .textAfterString), (#"a b="x""y""#, .textAfterString),
        ("a b=1 ", .emptyTimestamp), ("a b=1  5", .emptyTimestamp),
        ("a b=1 \r\n", .emptyTimestamp),
        ("a b=1 1.5", .malformedTimestamp), ("a b=1 1e3", .malformedTimestamp),
        ("a b=1 now", .malformedTimestamp), ("a b=1 +5", .malformedTimestamp),
        ("a b=1 5i", .malformedTimestamp), ("a b=1 -", .malformedTimestamp),
        ("a b=1 9223372036854775807", .timestampOutOfRange),
        ("a b=1 -9223372036854775807", .timestampOutOfRange),
        ("a b=1 99999999999999999999", .timestampOutOfRange),
        ("a b=1 1 2", .textAfterTimestamp), ("a b=1 1 ", .textAfterTimestamp),
    ])
    func `a line outside the grammar says why`(line: String, expected: LineProtocolError) {
        #expect(error(line) == expected)
    }

    @Test func `limits have their own errors`() {
        #expect(error("a," + String(repeating: "t", count: 2_048) + "=x b=1") == .seriesKeyTooLong)
        let digits = String(repeating: "1", count: 1_025)
        #expect(error("a b=0." + digits) == .numberTooLong)
        #expect(error("a b=\"" + String(repeating: "x", count: 65_537) + "\"") == .stringTooLong)
        let fields = (0..<257).map { "f\($0)=1" }.joined(separator: ",")
        #expect(error("a " + fields) == .tooManyFields)
        let most = (0..<256).map { "f\($0)=1" }.joined(separator: ",")
        #expect(error("a " + most) == nil)
        // A key that repeats needs no room.
        #expect(error("a " + most + ",f7=2") == nil)
        #expect(steps(bytes("a b=nan"), acceptsNotFinite: false) == ["1 notFinite"])
    }

    @Test func `every error has a line that makes it`() {
        // Each case is named in a table above; this holds the number of cases to them.
        #expect(LineProtocolError.allCases.count == 26)
        #expect(LineProtocolError.allCases.map(\.rawValue) == Array(0..<26))
    }

    @Test func `a datagram is taken line by line`() {
        let input = bytes(
            "# comment = 1\n\na b=1 1\nbad\n   \nc,t=x d=2 2\r\n\r\ne f=\"cut\ng h=3\ni j=4 \nk l=5"
        )
        #expect(
            steps(input) == [
                "3 a b=f1.0 @1", "4 noField", "6 c,t=x d=f2.0 @2", "8 unclosedQuote",
                "9 g h=f3.0", "10 emptyTimestamp", "11 k l=f5.0",
            ])
    }

    @Test func `text inside a string that spans lines never passes for a reading`() {
        let input = bytes("log m=\"first\nfire v=0\nlast\" 5\na b=1\n")
        #expect(steps(input) == ["1+2 newlineInString", "4 a b=f1.0"])
    }

    @Test func `a quote that never closes costs its own line only`() {
        #expect(steps(bytes("a b=\"x\nc d=1\n")) == ["1 unclosedQuote", "2 c d=f1.0"])
    }

    @Test func `a refused line gives nothing and says which bytes it was`() {
        var parser = LineProtocolParser()
        let input = bytes("ok a=1\nno a=1,b\nok a=2")
        parser.start(at: 7)
        guard case .rejected(let rejection) = parser.nextLine(input.span) else {
            Issue.record("the line is bad")
            return
        }
        #expect(text(input, rejection.bytes) == "no a=1,b")
        #expect(rejection.error == .fieldWithoutValue)
        guard case .line(let line) = parser.nextLine(input.span) else {
            Issue.record("the line after it is good")
            return
        }
        #expect(text(input, line.measurement) == "ok")
        #expect(parser.field(0).bits == (2.0).bitPattern)
        guard case .end = parser.nextLine(input.span) else {
            Issue.record("two lines are all")
            return
        }
    }

    @Test func `fields become readings and strings do not`() {
        var parser = LineProtocolParser()
        let input = bytes("a b=1.5,c=-3i,d=7u,e=18446744073709551615u,f=t,g=nan,h=\"x\"")
        parser.start()
        guard case .line(let line) = parser.nextLine(input.span) else {
            Issue.record("the line is good")
            return
        }
        let readings = (0..<line.fieldCount).map { parser.field($0).reading }
        #expect(readings.count == 7)
        #expect(readings[0]?.bits == (1.5).bitPattern && readings[0]?.kind == .float64)
        #expect(readings[1]?.bits == UInt64(bitPattern: -3) && readings[1]?.kind == .int64)
        #expect(readings[2]?.bits == 7 && readings[2]?.kind == .int64)
        #expect(readings[3]?.bits == 0x1p64.bitPattern && readings[3]?.kind == .float64)
        #expect(readings[4]?.bits == 1 && readings[4]?.kind == .bool)
        #expect(readings[5]?.quality == .bad && readings[0]?.quality == .good)
        #expect(readings[6] == nil)
    }

    @Test func `any cut of a datagram is survived and earlier lines stay`() {
        let input = bytes("a,t=x b=1,c=\"s\\\"t\" 1\r\nd\\ e f=2i,g=t\n#x\nh i=-1.5e3 -4")
        let whole = steps(input)
        #expect(whole.count == 3)
        for cut in 0...input.count {
            let steps = steps(Array(input[..<cut]))
            // Whole lines before the cut are what they were; at most one step may follow.
            let lines = input[..<cut].filter { $0 == UInt8(ascii: "\n") }.count
            let accepted = min(lines, 2)
            #expect(steps.prefix(accepted) == whole.prefix(accepted))
            #expect(steps.count <= accepted + 1)
        }
    }
}
