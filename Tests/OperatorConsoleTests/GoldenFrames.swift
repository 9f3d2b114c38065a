enum GoldenFrames { static let overview80 = "", overview120 = "", ascii80 = "", blind80 = "" }
