// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Glibc
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// A moment on the command line.
struct MomentArgument {
    let moment: WallInstant

    static let help = Moment.forms

    /// Reads what was typed; what is none is told with the forms that are.
    @Sendable
    static func parse(_ text: String) throws -> MomentArgument {
        guard let moment = Moment.parse(text, now: self.now) else {
            throw ValidationError("expected a time: \(Moment.forms)")
        }
        return MomentArgument(moment)
    }

    init(_ moment: WallInstant) { self.moment = moment }

    /// So long before now.
    init(ago seconds: Int64) {
        self.moment = WallInstant(
            nanoseconds: Self.now.nanoseconds - seconds * 1_000_000_000)
    }

    static var now: WallInstant { WallInstant(nanoseconds: clinux_realtime_ns()) }
}

extension TimeText {
    /// By this process's time zone, which `--utc` makes UTC.
    static let local = TimeText(
        { LocalTime.text($0) }, rewrite: { LocalTime.replacingTimes(in: $0) })
}

/// Whether times are read and shown by UTC.
///
/// `apply` does it, before anything else is read: a time that was typed is one of that zone too.
struct ZoneOptions: ParsableArguments {
    @Flag(help: "Read and show times in UTC instead of this machine's time zone.")
    var utc = false

    /// Makes UTC this process's time zone if the words of the command line ask for it.
    static func apply(_ words: some Sequence<String>) {
        guard words.prefix(while: { $0 != "--" }).contains("--utc") else { return }
        unsafe setenv("TZ", "UTC0", 1)
        tzset()
    }
}
