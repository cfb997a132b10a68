import ConvoyFleet
import ConvoyText
import Testing

@Suite("Characters that cannot be seen, or look like others")
struct OddCharacterTests {
    private static let file = """
        version: 1
        defaults: {user: postgres}
        instances:
          - name: alice
            host: h
            database: alice
          - name: bob
            database: bob

        """

    private func told(_ text: String) -> String {
        do {
            return try FleetFile.read(Array(text.utf8), file: "f", environment: ["SPACE": "a\u{a0}b"]).warnings.map(\.description)
                .joined(separator: "\n")
        } catch {
            return error.description
        }
    }

    @Test(arguments: [
        ("  - name: bob", "\u{a0} - name: bob", "f:7:1: error: there is a no-break space (U+00A0) here"),
        ("- name: bob", "-\u{a0}name: bob", "f:7:4: error: there is a no-break space (U+00A0) here"),
        ("name: bob", "name:\u{a0}bob", "f:7:10: error: there is a no-break space (U+00A0) here"),
        ("name: bob", "name:\u{2003}bob", "f:7:10: error: there is an em space (U+2003) here"),
        ("- name: bob", "\u{200b}- name: bob", "f:7:3: error: there is a zero width space (U+200B) here"),
        ("  - name: bob", "  \u{2028}- name: bob", "line separator (U+2028)"),
        ("- name: bob", "- name： bob", "f:7:9: error: there is “：”, a full-width character (U+FF1A) here"),
        ("version: 1", "version： 1", "full-width character (U+FF1A)"),
        ("name: bob", "name: “bob”", "character 1 of it is ““”, a curly quote (U+201C)"),
        ("name: bob", "name: b\u{feff}ob", "character 2 of it is a byte order mark (U+FEFF)"),
        (
            "database: bob", "databаse: bob",
            "has no key `databаse`: character 6 of it is U+0430 (Cyrillic а)\n    hint: did you mean `database`?"
        ),
        ("host: h", "host: һ1.example", "f:5:11: error: character 1 of `host` is U+04BB (Cyrillic һ)"),
        ("host: h", "host: h\u{200b}", "error: character 2 of `host` is a zero width space (U+200B)"),
        ("user: postgres", "user: postgres\u{a0}", "warning: character 9 of `user` is a no-break space (U+00A0)"),
        ("user: postgres", "user: \"${env:SPACE}\"", "warning: character 2 of `user` is a no-break space (U+00A0)"),
        ("database: bob", "database: b\u{ad}ob", "warning: character 2 of `database` is a soft hyphen (U+00AD)"),
        ("host: h", "url: postgres://u@hоst/d", "error: character 2 of `host` is U+043E (Cyrillic о)"),
        ("database: bob", "labels: {a: b\u{2009}c}", "error: character 2 of label `a` is a thin space (U+2009)"),
    ])
    func `are named with code point and place`(_ written: String, _ odd: String, _ expected: String) {
        #expect(told(Self.file) == "")
        let text = told(Self.file.replacing(written, with: odd))
        #expect(text.contains(expected), "\(text)")
    }

    @Test func `letters of other scripts are text`() {
        #expect(told(Self.file.replacing("database: bob", with: "database: база")) == "")
        #expect(told(Self.file.replacing("database: bob", with: "database: Müller")) == "")
        #expect(told(Self.file.replacing("database: bob", with: "database: bob # isn’t “odd”")) == "")
    }

    @Test func `text that begins with a star needs quotes, also where nothing follows it`() {
        let text = told("version: 1\nservers: {s: {host: h}}\ndiscover:\n  - server: s\n    databases: *\n")
        #expect(text.contains("text that begins with “*”"))
        #expect(text.contains("needs quotes"))
    }

    @Test func `no character of a secret is named`() {
        let text = told(Self.file.replacing("user: postgres", with: "password: “hunter2”"))
        #expect(!text.contains("201C"))
        #expect(!text.contains("hunter"))
    }

    @Test func `a file from Windows reads as it is`() throws {
        for text in ["\u{feff}" + Self.file, Self.file.replacing("\n", with: "\r\n"), "---\n\u{feff}# c\n" + Self.file] {
            let fleet = try FleetFile.read(Array(text.utf8), file: "f", environment: [:])
            #expect(fleet.instances.map { ExactText($0.name) } == ["alice", "bob"].map(ExactText.init))
        }
    }

    @Test func `a variable that is missing is one error however many values need it`() {
        let text = told(
            """
            version: 1
            defaults: {host: "${env:NO_HOST}", password: "${file:none}"}
            instances:
              - {name: a, dbname: a, host: "${env:NO_HOST}"}
              - {name: b, dbname: b, host: "${env:NO_HOST}", password: "${file:none}"}
            """
        )
        #expect(
            text == """
                f:2:18: error: environment variable NO_HOST is not set, also needed on lines 4, 5
                    ${env:NO_HOST}
                    hint: set it, or give a default: ${env:NO_HOST:-…}
                f:2:46: error: the file “none” does not exist, also needed on line 5
                    hint: relative paths start at the directory of the fleet file
                """
        )
    }

    @Test func `a dollar sign that begins no variable is told`() throws {
        func text(_ environment: [String: String], _ password: String) throws -> String {
            let file = "version: 1\ninstances: [{name: a, dbname: a, password: \(password)}]\n"
            return try FleetFile.read(Array(file.utf8), file: "f", environment: environment).warnings.map(\.description).joined()
        }
        #expect(try text(["PGPASS": "x"], "$PGPASS").contains("write ${env:PGPASS}"))
        // Else it may be a password that begins with a dollar sign.
        #expect(try text([:], "$hunter2").contains("write ${env:NAME}"))
        #expect(try !text([:], "$hunter2").contains("hunter2"))
    }

    @Test func `only the name of a discovered instance is filled in`() {
        let text = told(
            "version: 1\nservers: {s: {host: h}}\ndiscover:\n  - {server: s, databases: \"*\", user: \"{database}\", admin: {user: \"{server}\"}}\n"
        )
        #expect(text.contains("f:4:39: error: {database} works only in `name`, not in `user`"))
        #expect(text.contains("{server} works only in `name`, not in `user`"))
    }
}
