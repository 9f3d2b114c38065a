// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Glibc
internal import MidwatchModel
internal import StateFolder

/// A moment on the command line.
struct MomentArgument: ExpressibleByArgument {
    let moment: WallInstant

    static let help =
        "2026-11-21T03:04:05Z, the same without Z or with an offset, 2026-11-21, 03:04, -2h, or now"

    init?(argument: String) {
        guard let moment = Moment.parse(argument, now: Self.now) else { return nil }
        self.moment = moment
    }

    init(_ moment: WallInstant) { self.moment = moment }

    static var now: WallInstant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}

/// The beginning of a time that ends now: a length such as `7d`, or a moment.
struct SinceArgument: ExpressibleByArgument {
    let moment: WallInstant

    init?(argument: String) {
        let text = Moment.span(argument) == nil ? argument : "-\(argument)"
        guard let moment = Moment.parse(text, now: MomentArgument.now) else { return nil }
        self.moment = moment
    }
}
