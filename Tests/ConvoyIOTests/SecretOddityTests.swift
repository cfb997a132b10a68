import ConvoyIO
import Testing

/// Every way in which an editor, a shell or a secret store spoils a secret is found, and what real secrets look like is not odd.
@Suite struct SecretOddityTests {
    @Test(
        arguments: [
            ("", [.empty]), ("\u{FEFF}", [.byteOrderMark, .empty]), (" \t", [.empty]), ("\n", [.empty]),
            ("\u{FEFF}hunter2", [.byteOrderMark]), ("hunter2\n", [.lineBreakAtEnd]), ("hunter2\r", [.lineBreakAtEnd]),
            ("hunter2\r\n", [.lineBreakAtEnd]), ("hunter2\n\n", [.lineBreakAtEnd]), ("\nhunter2", [.lineBreakAtStart]),
            ("hun\nter2", [.lineBreakInside]), ("hunter2 ", [.blankAtEnd]), (" hunter2", [.blankAtStart]),
            ("hunter2\t\n", [.lineBreakAtEnd, .blankAtEnd]),
            ("hunter2\u{A0}", [.blankAtEnd]), ("\u{3000}hunter2", [.blankAtStart]), ("hun\u{A0}ter2", [.invisibleCharacter]),
            ("hun\u{200B}ter2", [.invisibleCharacter]), ("hunter2\u{200D}", [.invisibleCharacter]), ("hun\u{2028}ter2", [.lineBreakInside]),
            ("hun\u{FEFF}ter2", [.invisibleCharacter]), ("hun\u{1}ter2", [.controlCharacter]), ("hunter2\u{7F}", [.controlCharacter]),
            ("\"hunter2\"", [.quotes]), ("'hunter2'", [.quotes]), ("“hunter2”", [.quotes]), ("\"hunter2\"\n", [.lineBreakAtEnd, .quotes]),
            ("ENCRYPTION_KEY=hunter2", [.assignment]), ("export ENCRYPTION_KEY=hunter2", [.assignment]),
            ("PW1='hunter2'\r\n", [.lineBreakAtEnd, .assignment]), ("\u{FEFF}\"hunter2\" ", [.byteOrderMark, .blankAtEnd, .quotes]),
        ] as [(String, [SecretOddity])]
    ) func isFound(_ text: String, _ oddities: [SecretOddity]) {
        #expect(SecretOddity.all(in: text) == oddities)
        let told = SecretOddity.text(oddities)
        #expect(!told.isEmpty && !told.contains("hunter2") && !told.contains("PW1"))
    }

    @Test(arguments: [
        "hunter2", "p@ss#w/o?r:d%4 $1\"'\\ü+$$x", "correct horse battery staple", "'", "\"", "'\"", "=", "a=b", "AB=c", "key=value",
        "QUJDREVGR0hJSktMTU5P", "QUJDREVGR0g=", "QUJDREVGRw==", "1ABC=def", "Passwort=geheim", "\"quoted\" part", "日本語", "e\u{301}",
    ]) func realSecretsAreNotOdd(_ text: String) {
        #expect(SecretOddity.all(in: text) == [])
        #expect(Secret(text).oddities == [])
    }

    @Test func whatTheOperatorCallsExactIsNotOdd() {
        #expect(Secret("\"hunter2\"").oddities == [.quotes])
        #expect(Secret("\"hunter2\"", isExact: true).oddities == [])
        #expect("\(Secret("hunter2", isExact: true))" == "•••")
    }
}
