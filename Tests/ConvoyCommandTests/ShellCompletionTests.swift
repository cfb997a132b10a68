import Foundation
import TestSupport
import Testing

/// The completion scripts in the shells themselves: a line is typed on a terminal, then a tab.
@Suite(.timeLimit(.minutes(3)))
struct ShellCompletionTests {
    /// What is typed before the tab, and what the line is afterwards.
    private static let lines = [
        ("describe ali", "describe alice"), ("migrate --wave ca", "migrate --wave canary"), ("migrate --to v1.1", "migrate --to v1.1.0"),
        ("status --select ring=st", "status --select ring=stable"), ("status --select name=bo", "status --select name=bob"),
        ("status --select ring=stable,na", "status --select ring=stable,name="), ("pause --server eu-2", "pause --server eu-2"),
        ("status --outcome blocked,fai", "status --outcome blocked,failed"), ("explain lock-b", "explain lock-busy"),
        ("stat", "status"), ("plan --che", "plan --check"), ("status --select=ring=st", "status --select=ring=stable"),
        ("migrate --wave=ca", "migrate --wave=canary"), ("status --outcome=blocked,fai", "status --outcome=blocked,failed"),
        // No blank comes after the sign.
        ("status --select ri\tst", "status --select ring=stable"),
    ]

    private static let files = [
        "fleet.yaml": """
        version: 1
        fleet: eu
        migrations: Migrations
        servers: {eu-1: {host: /nowhere}, eu-2: {host: /nowhere/else}}
        instances:
          - {name: alice, server: eu-1, labels: {ring: canary}, password: "${env:NOT_SET}"}
          - {name: alfred, server: eu-1, labels: {ring: stable}}
          - {name: bob, server: eu-2, labels: {ring: stable}}
          - {name: dora, host: /nowhere/port, port: 6, database: d}
        rollout: {waves: [{name: canary, select: ring=canary}, {name: rest}]}
        """,
        "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint);\n-- migrate:down\nDROP TABLE cars;\n",
        "Migrations/releases.csv": "release,date,newest_version\nv1.1.0,2026-01-01,1\n",
    ]

    @Test(arguments: [
        (
            "bash", "/bin/bash --noprofile --norc -i",
            "bind 'set enable-bracketed-paste off'; PS1='ready> '; source <(convoy completion bash); echo set$((40 + 2))\r"
        ),
        (
            "zsh", "/usr/bin/zsh -f -i",
            "PROMPT='ready> '; autoload -U compinit; compinit -u -D; source <(convoy completion zsh); echo set$((40 + 2))\r"
        ),
        (
            "fish", "/usr/bin/fish --no-config -i",
            "function fish_prompt; echo -n 'ready> '; end; convoy completion fish | source; echo set(math 40 + 2)\r"
        ),
    ])
    func aTabCompletesTheLine(_ name: String, _ shell: String, _ setup: String) async throws {
        try await withTemporaryFolder(files: Self.files) { folder in
            try FileManager.default.createSymbolicLink(atPath: "\(folder)/convoy", withDestinationPath: try convoyPath())
            let environment = ["PATH": "\(folder):/usr/bin:/bin", "HOME": folder, "PS1": "start> ", "PROMPT": "start> "]
            let terminal = try TerminalProcess(shell: shell, environment: environment, in: folder)
            try terminal.type(setup)
            var seen = await terminal.wait { $0.plain.contains(#/set42[\s\S]*ready> /#) }.plain.count
            for (typed, completed) in Self.lines {
                try terminal.type("convoy \(typed)\t")
                let start = seen
                let screen = await terminal.wait { Self.has(completed, after: start, in: $0.plain) }.plain
                #expect(Self.has(completed, after: start, in: screen), "\(name): convoy \(typed): \(screen.suffix(300))")
                // The line is thrown away. Ctrl-C would be lost while the shell is still completing.
                try terminal.type("\u{15}\r")
                let length = screen.count
                seen = await terminal.wait { $0.plain.dropFirst(length).contains("ready> ") }.plain.count
            }
            terminal.close()
            _ = await terminal.result()
        }
    }

    /// Whether a terminal shows a line after a place; a shell that draws it anew may break it at each word.
    private static func has(_ line: String, after start: Int, in screen: String) -> Bool {
        let words = screen.dropFirst(start).filter { $0 != "\r" && $0 != " " }
        return words.contains(line.filter { $0 != " " })
    }

    @Test func aShellWithoutAScriptIsRefused() async throws {
        let result = try await runConvoy(["completion", "tcsh"])
        #expect(result.exitCode == 64)
        #expect(result.standardError.contains("bash"), "\(result.standardError)")
    }

    /// A mistake in the fleet file, or none at all, means fewer words and no message.
    @Test func nothingIsSaidWhileALineIsTyped() async throws {
        try await withTemporaryFolder(files: ["broken.yaml": "version: 1\ninstances: [{name: a}, {nam\n"]) { folder in
            for file in ["broken.yaml", "missing.yaml"] {
                for arguments in [["describe", "--", "positional@0"], ["migrate", "--", "--to"], ["stop", "--", "positional@0"]] {
                    let line = ["---completion"] + arguments + ["3", "0", "convoy", arguments[0], "--fleet", file, ""]
                    let result = try await runConvoy(line, environment: ["SAP_SHELL": "bash"], in: folder)
                    #expect(result.standardError == "", "\(line)")
                    #expect(result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines) == "", "\(line)")
                }
            }
        }
    }
}

extension String {
    /// Without the sequences that draw.
    fileprivate var plain: String {
        replacing(/\u{1B}\[[0-9;?]*[A-Za-z]|\u{1B}\][^\u{7}\u{1B}]*(\u{7}|\u{1B}\\)|\u{1B}[()=>][A-Z0-9]?/, with: "")
    }
}
