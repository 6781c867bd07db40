# Completion of kakuri for fish: kakuri completion fish >~/.config/fish/completions/kakuri.fish
function __kakuri_words
    set -l words (commandline -opc) (commandline -ct)
    set -l offered ($words[1] completion words -- $words[2..-1] 2>/dev/null)
    if test (count $offered) -gt 0
        printf '%s\n' $offered
    else
        # Nothing of kakuri's own: files.
        __fish_complete_path (commandline -ct)
    end
end
complete -c kakuri -f -k -a '(__kakuri_words)'
