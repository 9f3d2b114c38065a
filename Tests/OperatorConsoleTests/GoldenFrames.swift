// SPDX-License-Identifier: Apache-2.0

/// Frames as people see them: read them when a test fails, and decide which of the two is right.
enum GoldenFrames {
    static let overview80 = """
         midwatch  edge-1 · west tunnel                            2026-11-21 03:04:05Z
         ▲ DEGRADED: archive unreachable                         watchdog alive (600ms)
        ▶ ALARMS  3 unacknowledged, 1 acknowledged ─────────────────────────────────────
        ▶■ CRITICAL UNACK    12s    tunnel/west/co:high        88.4 ppm is above 50 ppm
         ▲ HIGH     UNACK    37s    …st/fan-03/vibration:stale silent for 42 s, deadlin…
         ○ low      returned 1h06   plant/line/temp-07:low     was below 5 °C for 31 s
         ● medium   acked    6m40   pump/2/level:unverifiable  held, not verified since…
         SENSORS  25: 22 fresh, 1 stale, 1 unverified, 1 never seen ────────────────────
           sensor                       value unit   age/deadline  freshness  quality
         ■ tunnel/west/co                88.4 ppm     600ms/5.0s   fresh      good
         ▲ …l/west/fan-03/vibration     (4.1) mm/s      42s/5.0s   STALE      uncertain
         ● pump/2/level                     - m        1.4s/5.0s   held       bad
           tunnel/east/co                   - ppm         -/5.0s   never seen good
           pump/1/level                (2.25) m        3.3s/5.0s   unverified good
           plant/line/temp-01           20.25 °C      300ms/5.0s   fresh      good
           plant/line/temp-02            20.5 °C      400ms/5.0s   fresh      good
           plant/line/temp-03           20.75 °C      500ms/5.0s   fresh      good
           plant/line/temp-04              21 °C      600ms/5.0s   fresh      good
           plant/line/temp-05           21.25 °C      700ms/5.0s   fresh      good
           plant/line/temp-06            21.5 °C      800ms/5.0s   fresh      good
         /s  received 20.4k accepted 20.4k evaluated 20.4k journal 20.4k archive 0
         queues   ring 2% · journal 131.1 kB · archive 1.2M (61.2s) · delivery 0
         stages   archive postgresql breaker open
         Tab pane  a acknowledge  / filter  ? help  q quit

        """

    static let overview120 = """
         midwatch  edge-1 · west tunnel                                                                    2026-11-21 03:04:05Z
         ▲ DEGRADED: archive unreachable                                                                 watchdog alive (600ms)
        ▶ ALARMS  3 unacknowledged, 1 acknowledged ─────────────────────────────────────────────────────────────────────────────
        ▶■ CRITICAL UNACK          03:03:53 12s    tunnel/west/co:high                    88.4 ppm is above 50 ppm
         ▲ HIGH     UNACK          03:03:28 37s    tunnel/west/fan-03/vibration:stale     silent for 42 s, deadline 5 s
         ○ low      returned       01:57:25 1h06   plant/line/temp-07:low                 was below 5 °C for 31 s
         ● medium   acked          02:57:25 6m40   pump/2/level:unverifiable              held, not verified since 03:03:05; no…
           value        now 88.4, raised at 51.2, worst 91, limit 50 ppm
           consequence  People in the west tube are poisoned
           do           Start fans 3 and 4, close the west portal (within 3m00)
           check first  fan 3 running?; portal camera
           runbook      https://wiki.example.invalid/co
         SENSORS  25: 22 fresh, 1 stale, 1 unverified, 1 never seen ────────────────────────────────────────────────────────────
           sensor                                      value unit   age/deadline  freshness  quality   trend
         ■ tunnel/west/co                               88.4 ppm     600ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
         ▲ tunnel/west/fan-03/vibration                (4.1) mm/s      42s/5.0s   STALE      uncertain
         ● pump/2/level                                    - m        1.4s/5.0s   held       bad
           tunnel/east/co                                  - ppm         -/5.0s   never seen good
           pump/1/level                               (2.25) m        3.3s/5.0s   unverified good
           plant/line/temp-01                          20.25 °C      300ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-02                           20.5 °C      400ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-03                          20.75 °C      500ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-04                             21 °C      600ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-05                          21.25 °C      700ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-06                           21.5 °C      800ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-07                          21.75 °C      900ms/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-08                             22 °C       1.0s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-09                          22.25 °C       1.1s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-10                           22.5 °C       1.2s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-11                          22.75 °C       1.3s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-12                             23 °C       1.4s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-13                          23.25 °C       1.5s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-14                           23.5 °C       1.6s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-15                          23.75 °C       1.7s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-16                             24 °C       1.8s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
           plant/line/temp-17                          24.25 °C       1.9s/5.0s   fresh      good      ▁▂▃▄▅▆▇█
         per s    received 20.4k · accepted 20.4k · evaluated 20.4k · journal 20.4k · archive 0
         queues   ring 2% · journal 131.1 kB · archive 1.2M (61.2s) · delivery 0
         stages   archive postgresql breaker open
         Tab pane  a acknowledge  / filter  ? help  q quit

        """

    static let ascii80 = """
         midwatch  edge-1 | west tunnel                            2026-11-21 03:04:05Z
         ! DEGRADED: archive unreachable                         watchdog alive (600ms)
        > ALARMS  3 unacknowledged, 1 acknowledged -------------------------------------
        ># CRITICAL UNACK    12s    tunnel/west/co:high        88.4 ppm is above 50 ppm
         ^ HIGH     UNACK    37s    ~st/fan-03/vibration:stale silent for 42 s, deadlin~
         . low      returned 1h06   plant/line/temp-07:low     was below 5 °C for 31 s
         o medium   acked    6m40   pump/2/level:unverifiable  held, not verified since~
         SENSORS  25: 22 fresh, 1 stale, 1 unverified, 1 never seen --------------------
           sensor                       value unit   age/deadline  freshness  quality
         # tunnel/west/co                88.4 ppm     600ms/5.0s   fresh      good
         ^ ~l/west/fan-03/vibration     (4.1) mm/s      42s/5.0s   STALE      uncertain
         o pump/2/level                     - m        1.4s/5.0s   held       bad
           tunnel/east/co                   - ppm         -/5.0s   never seen good
           pump/1/level                (2.25) m        3.3s/5.0s   unverified good
           plant/line/temp-01           20.25 °C      300ms/5.0s   fresh      good
           plant/line/temp-02            20.5 °C      400ms/5.0s   fresh      good
           plant/line/temp-03           20.75 °C      500ms/5.0s   fresh      good
           plant/line/temp-04              21 °C      600ms/5.0s   fresh      good
           plant/line/temp-05           21.25 °C      700ms/5.0s   fresh      good
           plant/line/temp-06            21.5 °C      800ms/5.0s   fresh      good
         /s  received 20.4k accepted 20.4k evaluated 20.4k journal 20.4k archive 0
         queues   ring 2% | journal 131.1 kB | archive 1.2M (61.2s) | delivery 0
         stages   archive postgresql breaker open
         Tab pane  a acknowledge  / filter  ? help  q quit

        """

    static let blind80 = """
         midwatch  edge-1 · west tunnel                            2026-11-21 03:05:07Z
         ✖ BLIND for 1m02: nothing below is live. midwatchd is not running
        ▶ ALARMS  3 unacknowledged, 1 acknowledged (when last seen) ────────────────────
        ▶■ CRITICAL UNACK    1m14   tunnel/west/co:high        88.4 ppm is above 50 ppm
         ▲ HIGH     UNACK    1m39   …st/fan-03/vibration:stale silent for 42 s, deadlin…
         ○ low      returned 1h07   plant/line/temp-07:low     was below 5 °C for 31 s
         ● medium   acked    7m42   pump/2/level:unverifiable  held, not verified since…
         SENSORS  25: 22 fresh, 1 stale, 1 unverified, 1 never seen (when last seen) ───
           sensor                       value unit   age/deadline  freshness  quality
         ■ tunnel/west/co              (88.4) ppm      1m02/5.0s   last seen  good
         ▲ …l/west/fan-03/vibration     (4.1) mm/s     1m44/5.0s   STALE      uncertain
         ● pump/2/level                     - m        1m03/5.0s   last seen  bad
           tunnel/east/co                   - ppm         -/5.0s   never seen good
           pump/1/level                (2.25) m        1m05/5.0s   unverified good
           plant/line/temp-01         (20.25) °C       1m02/5.0s   last seen  good
           plant/line/temp-02          (20.5) °C       1m02/5.0s   last seen  good
           plant/line/temp-03         (20.75) °C       1m02/5.0s   last seen  good
           plant/line/temp-04            (21) °C       1m02/5.0s   last seen  good
           plant/line/temp-05         (21.25) °C       1m02/5.0s   last seen  good
           plant/line/temp-06          (21.5) °C       1m02/5.0s   last seen  good
         /s  received 20.4k accepted 20.4k evaluated 20.4k journal 20.4k archive 0
         queues   ring 2% · journal 131.1 kB · archive 1.2M (61.2s) · delivery 0
         stages   archive postgresql breaker open
         Tab pane  a acknowledge  / filter  ? help  q quit

        """
}
