extension ProblemCase {
    /// What keeps a fleet file from being read as YAML, or from meaning what it shows.
    static let syntax: [ProblemCase] = [
        ProblemCase(
            "comment only",
            #"""
            # nothing
            """#,
            tells: #"""
                fleet.yaml: error: the file is empty
                    hint: start with the lines “version: 1” and “instances:”
                """#
        ),
        ProblemCase(
            "scalar at the top",
            #"""
            hello
            """#,
            tells: #"""
                fleet.yaml:1:1: error: a fleet file is a mapping of keys to values, not a single value
                    hint: start with the line “version: 1”
                """#
        ),
        ProblemCase(
            "list at the top",
            #"""
            - a
            - b
            """#,
            tells: #"""
                fleet.yaml:1:1: error: a fleet file is a mapping of keys to values, not a list
                    hint: start with the line “version: 1”
                """#
        ),
        ProblemCase(
            "null at the top",
            #"""
            ~
            """#,
            tells: #"""
                fleet.yaml:1:1: error: a fleet file is a mapping of keys to values, not nothing
                    hint: start with the line “version: 1”
                """#
        ),
        ProblemCase(
            "tab indentation",
            #"""
            version: 1
            instances:
            \#t- name: a
            """#,
            tells: #"""
                fleet.yaml:3:1: error: this is not YAML: found character that cannot start any token
                    hint: YAML does not allow tabs for indentation: use spaces
                """#
        ),
        ProblemCase(
            "tab after spaces",
            #"""
            version: 1
            defaults:
              user: a
             \#t host: b
            """#,
            tells: #"""
                fleet.yaml:4:2: error: this is not YAML: found a tab character that violates indentation
                    hint: YAML does not allow tabs for indentation: use spaces
                """#
        ),
        ProblemCase(
            "unclosed quote",
            #"""
            version: 1
            fleet: "abc
            """#,
            tells: #"""
                fleet.yaml:3:1: error: this is not YAML: found unexpected end of stream
                    hint: is a closing quote missing?
                """#
        ),
        ProblemCase(
            "unclosed bracket",
            #"""
            version: 1
            instances: [{name: a, host: b}
            """#,
            tells: #"""
                fleet.yaml:3:1: error: this is not YAML: did not find expected ',' or ']'
                    hint: is a comma or a closing bracket missing? Text with a comma, brackets or braces in it needs quotes here
                """#
        ),
        ProblemCase(
            "no space after colon",
            #"""
            version: 1
            defaults:
              password:hunter2
              user: x
            """#,
            tells: #"""
                fleet.yaml:4:7: error: this is not YAML: mapping values are not allowed in this context
                    hint: is the line indented like its neighbours? Text with “: ” in it needs quotes
                """#
        ),
        ProblemCase(
            "colon in plain text",
            #"""
            version: 1
            fleet: a: b
            """#,
            tells: #"""
                fleet.yaml:2:9: error: this is not YAML: mapping values are not allowed in this context
                    hint: is the line indented like its neighbours? Text with “: ” in it needs quotes
                """#
        ),
        ProblemCase(
            "bad indentation",
            #"""
            version: 1
              fleet: a
            """#,
            tells: #"""
                fleet.yaml:2:8: error: this is not YAML: mapping values are not allowed in this context
                    hint: is the line indented like its neighbours? Text with “: ” in it needs quotes
                """#
        ),
        ProblemCase(
            "at sign",
            #"""
            version: 1
            fleet: @a
            """#,
            tells: #"""
                fleet.yaml:2:8: error: this is not YAML: found character that cannot start any token
                    hint: text that begins with %, @ or ` needs quotes
                """#
        ),
        ProblemCase(
            "variable in a flow mapping",
            #"""
            version: 1
            instances:
              - {name: a, password: ${env:X}}
            """#,
            tells: #"""
                fleet.yaml:3:26: error: this is not YAML: did not find expected ',' or '}'
                    hint: is a comma or a closing bracket missing? Text with a comma, brackets or braces in it needs quotes here
                """#
        ),
        ProblemCase(
            "control character",
            #"""
            version: 1
            fleet: a\#u{1}b
            """#,
            tells: #"""
                fleet.yaml:2:9: error: there is a control character here
                    hint: in double quotes it can be written as \x and two digits
                """#
        ),
        ProblemCase(
            "alias bomb",
            #"""
            a: &a [x,x]
            b: &b [*a,*a]
            c: [*b,*b]
            """#,
            tells: #"""
                fleet.yaml:2:8: error: aliases are not supported
                    hint: put what instances share under `defaults` or a server; text that begins with “*” needs quotes
                """#
        ),
        ProblemCase(
            "anchor without alias",
            #"""
            version: 1
            defaults: {password: &hunter2 }
            instances: [{name: a, dbname: a}]
            """#,
            tells: #"""
                fleet.yaml:2:22: error: anchors are not supported
                    hint: text that begins with “&” needs quotes
                """#
        ),
        ProblemCase(
            "alias as a key",
            #"""
            version: 1
            defaults: {*a : b}
            """#,
            tells: #"""
                fleet.yaml:2:12: error: aliases are not supported
                    hint: put what instances share under `defaults` or a server; text that begins with “*” needs quotes
                """#
        ),
        ProblemCase(
            "merge key",
            #"""
            version: 1
            instances:
              - <<: {host: a}
                name: b
            """#,
            tells: #"""
                fleet.yaml:3:5: error: merge keys are not supported
                    hint: put what instances share under `defaults` or a server
                """#
        ),
        ProblemCase(
            "foreign tag",
            #"""
            version: 1
            rollout: {waves: [{name: a, select: !legacy }]}
            instances: [{name: a, dbname: a}]
            """#,
            tells: #"""
                fleet.yaml:2:37: error: tags are not supported
                    hint: text that begins with “!” needs quotes, for example "!legacy"
                """#
        ),
        ProblemCase(
            "unknown tag handle",
            #"""
            version: 1
            fleet: !x!y z
            """#,
            tells: #"""
                fleet.yaml:2:8: error: this is not YAML: found undefined tag handle
                    hint: text that begins with “!” needs quotes
                """#
        ),
        ProblemCase(
            "second document",
            #"""
            version: 1
            ---
            version: 1
            """#,
            tells: #"""
                fleet.yaml:2:1: error: a second document begins here
                    hint: a fleet file is one YAML document: remove the line “---”
                """#
        ),
    ]
}
