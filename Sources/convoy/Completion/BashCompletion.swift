/// What bash needs around the script of the argument parser.
///
/// bash divides words at `=` and `:`, so that `--select name=alice` would arrive as three words. A function around the parser's puts such words
/// together again, and takes off the part of each answer that stands on the line already.
enum BashCompletion {
    static func script(around script: String) -> String {
        script + "\n" + wrapper
    }

    private static let wrapper = #"""

        __convoy_joined() {
            local -a joined=()
            local -i index=0 current=0
            local rest="${COMP_LINE}" word

            for index in "${!COMP_WORDS[@]}"; do
                word="${COMP_WORDS[index]}"
                if [[ "${#joined[@]}" -gt 0 && -n "${word}" && "${rest}" = "${word}"* && "${joined[-1]}${word}" = *[=:]* ]]; then
                    joined[-1]+="${word}"
                else
                    joined+=("${word}")
                fi
                [[ "${index}" -eq "${COMP_CWORD}" ]] && current="$((${#joined[@]} - 1))"
                rest="${rest#"${rest%%[![:space:]]*}"}"
                rest="${rest#"${word}"}"
            done

            local -r typed="${COMP_LINE:0:COMP_POINT}"
            local cur="${joined[current]}"
            # Only what stands before the cursor.
            while [[ -n "${cur}" && "${typed}" != *"${cur}" ]]; do cur="${cur%?}"; done

            # The value of an option in the same word is completed as one in the next word.
            if [[ "${cur}" = --*=* ]]; then
                joined=("${joined[@]:0:current}" "${cur%%=*}" "${cur#*=}" "${joined[@]:current + 1}")
                cur="${cur#*=}"
                current+=1
            fi

            local stem="${cur}"
            if [[ "${stem}" = *[=:]* ]]; then stem="${stem%"${stem##*[=:]}"}"; else stem=""; fi

            local -a COMP_WORDS=("${joined[@]}")
            local -i COMP_CWORD="${current}"
            local prev=""
            [[ "${current}" -gt 0 ]] && prev="${joined[current - 1]}"
            _convoy "${1}" "${cur}" "${prev}"

            [[ -n "${stem}" ]] && COMPREPLY=("${COMPREPLY[@]#"${stem}"}")
            # bash would quote `=` and commas as in the name of a file.
            local answer plain=yes
            for answer in "${COMPREPLY[@]}"; do [[ "${answer}" =~ ^[A-Za-z0-9_.,=:@%+-]*$ && ! -d "${answer}" ]] || plain=""; done
            [[ -n "${plain}" ]] && compopt +o filenames 2>/dev/null
            [[ "${#COMPREPLY[@]}" -eq 1 && "${COMPREPLY[0]}" = *= ]] && compopt -o nospace 2>/dev/null
            return 0
        }

        complete -o filenames -F __convoy_joined convoy

        """#
}
