namespace Postern.Configuration;

/// <summary>How places in a configuration are written: <c>engines.temporal[0].addresses</c>.</summary>
internal static class ConfigPath
{
    public static string Join(string path, string key) =>
        key.AsSpan().ContainsAnyExcept(Plain) || key.Length == 0 ? $"{path}[\"{Shown(key)}\"]" : path.Length == 0 ? key : $"{path}.{key}";

    // A key is the operator's own text, but a stray control character in it must not reach a terminal.
    private static string Shown(string key) => string.Concat(key.Select(c => char.IsControl(c) ? '?' : c));

    private static readonly System.Buffers.SearchValues<char> Plain =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
}
