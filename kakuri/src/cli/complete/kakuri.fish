# Completion of kakuri for fish: kakuri completion fish >~/.config/fish/completions/kakuri.fish
function __kakuri_words
    set -l words (commandline -opc) (commandline -ct)
    set -l offered ($words[1] completion words -- $words[2..-1] 2>/dev/null)
    if string match -qr '^\t' -- $offered[1]
        # The command has begun: as it would be completed alone.
        set -l at (math (string trim -- $offered[1]) + 1)
        complete -C (string join ' ' -- (string escape -- $words[$at..-2]) (commandline -ct))
    else if test (count $offered) -gt 0
        printf '%s\n' $offered
    else
        # Nothing of kakuri's own: files.
        __fish_complete_path (commandline -ct)
    end
end
complete -c kakuri -f -k -a '(__kakuri_words)'
